using TrainingService.Domain.Recipes;

namespace TrainingService.Domain.Tests.Recipes;

public sealed class WireNamesTests
{
    [Fact]
    public void Names_AreTrls() => Assert.Equal(
        ["sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"],
        WireNames.All<LossType>());

    [Fact]
    public void Parse_TurnsEachNameBack() =>
        Assert.All(Enum.GetValues<LossType>(), loss => Assert.Equal(loss, WireNames.Parse<LossType>(WireNames.Of(loss))));

    [Theory]
    [InlineData("ExoPair")]
    [InlineData("EXO_PAIR")]
    [InlineData("3")]
    [InlineData("")]
    [InlineData(null)]
    public void Parse_TakesNothingButTheName(string? name) => Assert.Null(WireNames.Parse<LossType>(name));

    [Theory]
    [InlineData("beta", "beta")]
    [InlineData("bata", "beta")]
    [InlineData("eta", "beta")]
    [InlineData("gamma", "gamma")]
    [InlineData("gama", "gamma")]
    [InlineData("qqqqqq", null)]
    [InlineData("completely_different", null)]
    public void Nearest_IsTheClosestWithinReach(string name, string? expected) => Assert.Equal(expected, WireNames.Nearest(name, ["beta", "gamma"]));

    [Fact]
    public void Nearest_TakesTheFirstOfEquallyNear() => Assert.Equal("adam_beta1", WireNames.Nearest("adam_beta", ["adam_beta1", "adam_beta2"]));
}
