using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Losses;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Losses;

/// <summary>
/// TRL's first losses. Its runs of one loss each start from the same adapter and pairs but log batch means only. Two
/// pairs have four log-ratios, which the logged mean rewards, the sigmoid loss and the sppo_hard loss determine (up to
/// the order of the pairs, which ipo tells); all other runs must then agree.
/// </summary>
public sealed class GoldenLossTests
{
    private static readonly float[] s_chosen = [0.5651839203614967f, 1.453782754443191f];
    private static readonly float[] s_rejected = [-0.3092815331961636f, 3.0786144338395123f];

    [Theory]
    [InlineData("loss_sigmoid")]
    [InlineData("loss_hinge")]
    [InlineData("loss_ipo")]
    [InlineData("loss_exo_pair")]
    [InlineData("loss_nca_pair")]
    [InlineData("loss_robust")]
    [InlineData("loss_bco_pair")]
    [InlineData("loss_sppo_hard")]
    [InlineData("loss_aot_unpaired")]
    [InlineData("loss_apo_zero")]
    [InlineData("loss_apo_down")]
    [InlineData("loss_discopop")]
    [InlineData("loss_sigmoid_norm")]
    [InlineData("loss_sft")]
    [InlineData("loss_mixed")]
    [InlineData("f_forward_kl")]
    [InlineData("f_js_divergence")]
    [InlineData("f_alpha_divergence")]
    public void FirstStep_EqualsTrl(string name)
    {
        JsonElement run = Golden.Json(Golden.Path("training", name, "run.json"));
        JsonElement logged = run.GetProperty("log")[0];
        using DisposeScope scope = NewDisposeScope();
        float[] chosenTokens = Lengths("chosen_ids");
        PairLogProbs pairs = new()
        {
            PolicyChosen = tensor(s_chosen),
            PolicyRejected = tensor(s_rejected),
            ReferenceChosen = zeros(2),
            ReferenceRejected = zeros(2),
            ChosenTokens = tensor(chosenTokens),
            RejectedTokens = tensor(Lengths("rejected_ids")),
            SftChosen = full(2, logged.GetProperty("logps/chosen").GetDouble()),
            BatchPairs = 2,
            BatchChosenTokens = chosenTokens.Sum(),
        };

        double loss = PreferenceLoss.PerPair(RecipeOf(run.GetProperty("arguments")), pairs).Numbers().Sum() / 2;

        double expected = logged.GetProperty("loss").GetDouble();
        Assert.Equal(expected, loss, 1e-6 * Math.Max(1, expected));

        float[] Lengths(string side) => [.. run.GetProperty("tokens").EnumerateArray().Take(2).Select(row => (float)row.GetProperty(side).GetArrayLength())];
    }

    [Fact]
    public void CasesOfOtherTrainers_AreMet()
    {
        foreach (JsonElement test in Golden.Json(Golden.Shared("data", "numeric", "dpo-cases.json")).GetProperty("dpo_loss").EnumerateArray())
        {
            double[] chosen = Numbers(test, "policy_chosen");
            PairLogProbs pairs = Pairs.OfLogRatios(chosen, Numbers(test, "policy_rejected")) with
            {
                ReferenceChosen = tensor(Numbers(test, "ref_chosen")),
                ReferenceRejected = tensor(Numbers(test, "ref_rejected")),
            };
            TrainingRecipe recipe = new() { Beta = test.GetProperty("beta").GetDouble(), LabelSmoothing = test.GetProperty("label_smoothing").GetDouble() };
            Assert.Equal(Numbers(test, "expected_losses"), PreferenceLoss.PerPair(recipe, pairs).Numbers(), (a, b) => Math.Abs(a - b) < 1e-12);
        }
    }

    private static TrainingRecipe RecipeOf(JsonElement arguments)
    {
        TrainingRecipe recipe = new() { Beta = arguments.GetProperty("beta").GetDouble() };
        if (arguments.TryGetProperty("loss_type", out JsonElement losses))
            recipe = recipe with { LossTypes = [.. losses.EnumerateArray().Select(name => Named<LossType>(name))] };
        if (arguments.TryGetProperty("loss_weights", out JsonElement weights))
            recipe = recipe with { LossWeights = [.. weights.EnumerateArray().Select(weight => weight.GetDouble())] };
        if (arguments.TryGetProperty("label_smoothing", out JsonElement smoothing)) recipe = recipe with { LabelSmoothing = smoothing.GetDouble() };
        if (arguments.TryGetProperty("f_divergence_type", out JsonElement divergence)) recipe = recipe with { FDivergenceType = Named<FDivergenceType>(divergence) };
        return recipe;
    }

    private static T Named<T>(JsonElement name) where T : struct, Enum => Enum.Parse<T>(name.GetString()!.Replace("_", ""), ignoreCase: true);

    private static double[] Numbers(JsonElement test, string name) => [.. test.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];
}
