using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;

namespace TrainingService.Training.Optimization;

/// <summary>The optimiser of a recipe.</summary>
internal static class Optimizers
{
    /// <summary>Makes it for an adapter that trains.</summary>
    public static IOptimizer Create(TrainingRecipe recipe, LoraAdapter adapter) => recipe.Optimizer switch
    {
        OptimizerType.AdamwTorch => new AdamW(adapter.Parameters, adapter.Gradients!)
        {
            Beta1 = recipe.AdamBeta1,
            Beta2 = recipe.AdamBeta2,
            Epsilon = recipe.AdamEpsilon,
            WeightDecay = recipe.WeightDecay,
        },
        OptimizerType.Lion => new Lion(adapter.Parameters, adapter.Gradients!) { Beta1 = recipe.AdamBeta1, Beta2 = recipe.AdamBeta2, WeightDecay = recipe.WeightDecay },
        OptimizerType.Sgd => new Sgd(adapter.Parameters, adapter.Gradients!, recipe.WeightDecay),
        OptimizerType.Adafactor => new Adafactor(adapter.Weights, recipe.WeightDecay),
        _ => throw new ArgumentOutOfRangeException(nameof(recipe), recipe.Optimizer, null),
    };
}
