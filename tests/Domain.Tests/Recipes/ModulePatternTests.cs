using TrainingService.Domain.Recipes;

namespace TrainingService.Domain.Tests.Recipes;

public class ModulePatternTests
{
    [Theory]
    [InlineData(@".*\.[01]\.self_attn\.(q|v)_proj", "model.layers.1.self_attn.v_proj", true)]
    [InlineData(@".*\.[01]\.self_attn\.(q|v)_proj", "model.layers.2.self_attn.v_proj", false)]
    [InlineData("q_proj", "model.layers.0.self_attn.q_proj", false)] // the whole path, as re.fullmatch
    [InlineData("a|ab", "ab", true)] // a whole match that the first alternative does not give
    [InlineData(@"model\.layers\.\d+\.mlp\.(?!gate).*", "model.layers.0.mlp.up_proj", true)] // needs backtracking
    [InlineData(@"model\.layers\.\d+\.mlp\.(?!gate).*", "model.layers.0.mlp.gate_proj", false)]
    [InlineData("x", "x\n", false)]
    public void Whole_MatchesTheWholePath(string pattern, string path, bool expected) => Assert.Equal(expected, ModulePattern.Whole(pattern).Matches(path));

    [Theory]
    [InlineData("q_proj", "model.layers.0.self_attn.q_proj", true)]
    [InlineData("proj", "model.layers.0.self_attn.q_proj", false)]
    [InlineData(@"layers\.[0-3]\.self_attn\.q_proj", "model.layers.3.self_attn.q_proj", true)]
    [InlineData(@"layers\.[0-3]\.self_attn\.q_proj", "model.layers.4.self_attn.q_proj", false)]
    public void End_MatchesTheLastParts(string pattern, string path, bool expected) => Assert.Equal(expected, ModulePattern.End(pattern).Matches(path));

    [Theory]
    [InlineData("(", false)]
    [InlineData("a)(b", false)]
    [InlineData("[", false)]
    [InlineData(".*", true)]
    public void IsValid_TellsRegularExpressions(string pattern, bool expected) => Assert.Equal(expected, ModulePattern.IsValid(pattern));

    [Fact]
    public void MatchingThatNeverEnds_IsCutOff()
    {
        // The look-ahead forbids the engine that is linear in the path.
        ArgumentException refused = Assert.Throws<ArgumentException>(() => ModulePattern.Whole("(?=a)(a+)+b").Matches(new string('a', 60)));
        Assert.Contains("too long", refused.Message, StringComparison.Ordinal);
    }
}
