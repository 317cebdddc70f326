using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Results;

/// <summary>What a recipe trains by, in words, with the paper.</summary>
internal static class Papers
{
    private static readonly Dictionary<LossType, string> s_losses = new()
    {
        [LossType.Sigmoid] = "2305.18290", [LossType.Hinge] = "2309.06657", [LossType.Ipo] = "2310.12036", [LossType.ExoPair] = "2402.00856",
        [LossType.NcaPair] = "2402.05369", [LossType.Robust] = "2403.00409", [LossType.BcoPair] = "2404.04656", [LossType.SppoHard] = "2405.00675",
        [LossType.Aot] = "2406.05882", [LossType.AotUnpaired] = "2406.05882", [LossType.ApoZero] = "2408.06266", [LossType.ApoDown] = "2408.06266",
        [LossType.Discopop] = "2406.08414", [LossType.SigmoidNorm] = "2405.14734",
    };

    public static string Describe(TrainingRecipe recipe) => recipe.Method switch
    {
        TrainingMethod.Dpo => $"direct preference optimisation ({Link("2305.18290")}), loss {string.Join(" + ", recipe.LossTypes.Select(Describe))}",
        TrainingMethod.Supervised => "supervised fine-tuning: cross-entropy of " + (recipe.AssistantOnlyLoss ? "the assistant's tokens" : "all tokens"),
        TrainingMethod.Kto when recipe.KtoLossType == KtoLossType.ApoZeroUnpaired => $"anchored preference optimisation without pairs ({Link("2408.06266")})",
        TrainingMethod.Kto => $"Kahneman–Tversky optimisation ({Link("2402.01306")})",
        TrainingMethod.Orpo => $"odds-ratio preference optimisation ({Link("2403.07691")})",
        TrainingMethod.Cpo when recipe.CpoLossType == CpoLossType.Simpo => $"SimPO ({Link("2405.14734")}){(recipe.CpoAlpha > 0 ? $" with the cross-entropy term of CPO ({Link("2401.08417")})" : "")}",
        TrainingMethod.Cpo => $"contrastive preference optimisation ({Link("2401.08417")}), loss {WireNames.Of(recipe.CpoLossType)}",
        _ => throw new ArgumentOutOfRangeException(nameof(recipe), recipe.Method, "Unknown method."),
    };

    private static string Describe(LossType loss) => s_losses.TryGetValue(loss, out string? paper) ? $"{WireNames.Of(loss)} ({Link(paper)})" : WireNames.Of(loss);

    private static string Link(string paper) => $"[arXiv {paper}](https://arxiv.org/abs/{paper})";
}
