using TrainingService.Domain.Recipes;
using static TorchSharp.torch;

namespace TrainingService.Training.Losses;

/// <summary>
/// The preference term of CPO (Xu et al., 2024, arXiv 2401.08417): DPO's losses against a uniform reference; and SimPO. The
/// behaviour-cloning term beside it is <see cref="SftLoss"/>.
/// </summary>
internal static class ContrastiveLoss
{
    /// <summary>The loss of each pair, (pairs,).</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="chosen">log π of each chosen completion, a token's mean for ipo and simpo, (pairs,).</param>
    /// <param name="rejected">Likewise of each rejected one.</param>
    public static Tensor PerPair(TrainingRecipe recipe, Tensor chosen, Tensor rejected) => recipe.CpoLossType switch
    {
        CpoLossType.Sigmoid => SigmoidLoss.PerPair((chosen - rejected) * recipe.Beta, recipe.LabelSmoothing),
        CpoLossType.Hinge => HingeLoss.PerPair((chosen - rejected) * recipe.Beta),
        CpoLossType.Ipo => IpoLoss.PerPair(chosen - rejected, recipe.Beta),
        CpoLossType.Simpo => SimpoLoss.PerPair(chosen - rejected, recipe.Beta, recipe.SimpoGamma, recipe.LabelSmoothing),
        _ => throw new ArgumentOutOfRangeException(nameof(recipe), recipe.CpoLossType, null),
    };
}
