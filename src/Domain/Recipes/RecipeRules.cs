namespace TrainingService.Domain.Recipes;

/// <summary>Combinations of settings that have no meaning, although each alone is allowed.</summary>
internal static class RecipeRules
{
    private static readonly LossType[] s_smoothed = [LossType.Sigmoid, LossType.ExoPair, LossType.Robust, LossType.Aot, LossType.AotUnpaired];
    private static readonly LossType[] s_anyDivergence =
        [LossType.Sigmoid, LossType.SigmoidNorm, LossType.Hinge, LossType.Ipo, LossType.ExoPair, LossType.Robust, LossType.Discopop, LossType.Sft];

    private static readonly TrainingRecipe s_defaults = new();

    public static IEnumerable<RecipeProblem> Check(TrainingRecipe recipe)
    {
        if (recipe.LossWeights is { } weights && weights.Count != recipe.LossTypes.Count)
            yield return Problem("loss_weights", $"loss_weights has {weights.Count} entries but loss_type has {recipe.LossTypes.Count}; give one weight a loss.");
        if (recipe.LossWeights is { } all && all.All(w => w == 0))
            yield return Problem("loss_weights", "loss_weights are all 0, so nothing would be trained; give at least one weight above 0.");
        if (recipe.LossTypes.Contains(LossType.ExoPair) && recipe.LabelSmoothing == 0)
            yield return Problem("label_smoothing", "loss_type exo_pair takes the logarithm of label_smoothing; set it above 0, e.g. 0.001.");
        if (recipe.LabelSmoothing > 0 && !recipe.LossTypes.Any(s_smoothed.Contains))
            yield return Problem("label_smoothing", $"label_smoothing has no effect on {Names(recipe.LossTypes)}; set it to 0 or use one of {Names(s_smoothed)}.");
        if (recipe.FDivergenceType != FDivergenceType.ReverseKl && recipe.LossTypes.Except(s_anyDivergence).ToList() is { Count: > 0 } others)
            yield return Problem("f_divergence_type", $"{Names(others)} is defined for reverse_kl alone; use reverse_kl or one of {Names(s_anyDivergence)}.");
        if (recipe.UseWeighting && recipe.LossTypes.Intersect([LossType.Aot, LossType.AotUnpaired]).ToList() is { Count: > 0 } sorting)
            yield return Problem("use_weighting", $"{Names(sorting)} sorts over the batch, so its terms belong to no pair whose weight they could take; set use_weighting to false.");
        if (recipe.LdAlpha is not null && recipe.LossTypes is [LossType.Sft])
            yield return Problem("ld_alpha", "ld_alpha has no effect on loss_type sft; leave it out.");
        if (recipe is { MaxLength: { } length, MaxPromptLength: { } prompt } && prompt >= length && prompt != s_defaults.MaxPromptLength)
            yield return Problem("max_prompt_length", $"max_prompt_length {prompt} leaves no room for an answer within max_length {length}; make it smaller, or null.");
        if (recipe.FDivergenceType != FDivergenceType.AlphaDivergence && recipe.FAlphaDivergenceCoefficient != s_defaults.FAlphaDivergenceCoefficient)
            yield return Problem("f_alpha_divergence_coef", "f_alpha_divergence_coef has no effect without f_divergence_type alpha_divergence; set f_divergence_type, or leave it out.");
        if (!recipe.LossTypes.Contains(LossType.Discopop) && recipe.DiscopopTau != s_defaults.DiscopopTau)
            yield return Problem("discopop_tau", $"discopop_tau has no effect on {Names(recipe.LossTypes)}; use loss_type discopop, or leave it out.");
        if (recipe.LearningRateSchedule == LearningRateSchedule.Constant && recipe.WarmupSteps > 0)
            yield return Problem("warmup_steps", "lr_scheduler_type constant has no warm-up; set warmup_steps to 0 or use constant_with_warmup.");
        if (recipe.EvalSteps is not null && recipe.EvalStrategy is not IntervalStrategy.Steps)
            yield return Problem("eval_steps", "eval_steps has no effect without eval_strategy steps; set eval_strategy to \"steps\".");
        if (recipe.SaveSteps != s_defaults.SaveSteps && recipe.SaveStrategy != IntervalStrategy.Steps)
            yield return Problem("save_steps", "save_steps has no effect without save_strategy steps; set save_strategy to \"steps\".");
    }

    private static RecipeProblem Problem(string field, string message) => new($"{RecipeJson.HyperparametersParam}.{field}", message);

    private static string Names(IEnumerable<LossType> losses) => string.Join(", ", losses.Select(WireNames.Of));
}
