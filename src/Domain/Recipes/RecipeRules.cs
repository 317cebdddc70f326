using TrainingService.Domain.Errors;
using TrainingService.Domain.Metrics;

namespace TrainingService.Domain.Recipes;

/// <summary>Combinations of settings that have no meaning, although each alone is allowed.</summary>
internal static class RecipeRules
{
    private static readonly LossType[] s_smoothed = [LossType.Sigmoid, LossType.ExoPair, LossType.Robust, LossType.Aot, LossType.AotUnpaired];
    private static readonly LossType[] s_anyDivergence =
        [LossType.Sigmoid, LossType.SigmoidNorm, LossType.Hinge, LossType.Ipo, LossType.ExoPair, LossType.Robust, LossType.Discopop, LossType.Sft];

    private static readonly TrainingRecipe s_defaults = new();

    public static IEnumerable<RecipeProblem> Check(TrainingRecipe recipe) =>
        (recipe.Method switch
        {
            TrainingMethod.Dpo => CheckDpo(recipe),
            TrainingMethod.Kto => CheckKto(recipe),
            TrainingMethod.Cpo => CheckCpo(recipe),
            _ => [],
        }).Concat(CheckOptimisation(recipe)).Concat(CheckEvaluation(recipe))
        .Select(p => new RecipeProblem($"{RecipeJson.HyperparametersParam(recipe.Method)}.{p.Field}", p.Message))
        .Concat(CheckLora(recipe.Lora).Select(p => new RecipeProblem($"{RecipeJson.LoraParam(recipe.Method)}.{p.Field}", p.Message)));

    private static IEnumerable<(string Field, string Message)> CheckLora(LoraRecipe lora)
    {
        if (lora is { TargetPattern: not null, LayersToTransform: not null })
            yield return ("layers_to_transform", "layers_to_transform has no effect on a regular expression: target_modules as one says which layers by itself. Leave one of them out.");
    }

    private static IEnumerable<(string Field, string Message)> CheckDpo(TrainingRecipe recipe)
    {
        if (recipe.LossWeights is { } weights && weights.Count != recipe.LossTypes.Count)
            yield return ("loss_weights", $"loss_weights has {weights.Count} entries but loss_type has {recipe.LossTypes.Count}; give one weight a loss.");
        if (recipe.LossWeights is { } all && all.All(w => w == 0))
            yield return ("loss_weights", "loss_weights are all 0, so nothing would be trained; give at least one weight above 0.");
        if (recipe.LossTypes.Contains(LossType.ExoPair) && recipe.LabelSmoothing == 0)
            yield return ("label_smoothing", "loss_type exo_pair takes the logarithm of label_smoothing; set it above 0, e.g. 0.001.");
        if (recipe.LabelSmoothing > 0 && !recipe.LossTypes.Any(s_smoothed.Contains))
            yield return ("label_smoothing", $"label_smoothing has no effect on {Names(recipe.LossTypes)}; set it to 0 or use one of {Names(s_smoothed)}.");
        if (recipe.FDivergenceType != FDivergenceType.ReverseKl && recipe.LossTypes.Except(s_anyDivergence).ToList() is { Count: > 0 } others)
            yield return ("f_divergence_type", $"{Names(others)} is defined for reverse_kl alone; use reverse_kl or one of {Names(s_anyDivergence)}.");
        if (recipe.UseWeighting && recipe.LossTypes.Intersect([LossType.Aot, LossType.AotUnpaired]).ToList() is { Count: > 0 } sorting)
            yield return ("use_weighting", $"{Names(sorting)} sorts over the batch, so its terms belong to no pair whose weight they could take; set use_weighting to false.");
        if (recipe.LdAlpha is not null && recipe.LossTypes is [LossType.Sft])
            yield return ("ld_alpha", "ld_alpha has no effect on loss_type sft; leave it out.");
        if (recipe.FDivergenceType != FDivergenceType.AlphaDivergence && recipe.FAlphaDivergenceCoefficient != s_defaults.FAlphaDivergenceCoefficient)
            yield return ("f_alpha_divergence_coef", "f_alpha_divergence_coef has no effect without f_divergence_type alpha_divergence; set f_divergence_type, or leave it out.");
        if (!recipe.LossTypes.Contains(LossType.Discopop) && recipe.DiscopopTau != s_defaults.DiscopopTau)
            yield return ("discopop_tau", $"discopop_tau has no effect on {Names(recipe.LossTypes)}; use loss_type discopop, or leave it out.");
    }

    private static IEnumerable<(string Field, string Message)> CheckKto(TrainingRecipe recipe)
    {
        if (recipe is { KtoLossType: KtoLossType.Kto, BatchSize: 1 })
            yield return ("batch_size", "batch_size is 1, but loss_type kto estimates the divergence from other rows of the micro-batch; give at least 2, or use loss_type apo_zero_unpaired.");
        if (recipe is { DesirableWeight: 0, UndesirableWeight: 0 })
            yield return ("desirable_weight", "desirable_weight and undesirable_weight are both 0, so nothing would be trained; give at least one above 0.");
    }

    private static IEnumerable<(string Field, string Message)> CheckCpo(TrainingRecipe recipe)
    {
        if (recipe.LabelSmoothing > 0 && recipe.CpoLossType is not (CpoLossType.Sigmoid or CpoLossType.Simpo))
            yield return ("label_smoothing", $"label_smoothing has no effect on {WireNames.Of(recipe.CpoLossType)}; set it to 0 or use sigmoid or simpo.");
        if (recipe.CpoLossType != CpoLossType.Simpo && recipe.SimpoGamma != s_defaults.SimpoGamma)
            yield return ("simpo_gamma", $"simpo_gamma has no effect on {WireNames.Of(recipe.CpoLossType)}; use loss_type simpo, or leave it out.");
    }

    private static IEnumerable<(string Field, string Message)> CheckOptimisation(TrainingRecipe recipe)
    {
        if (recipe is { MaxLength: { } length, MaxPromptLength: { } prompt } && prompt >= length && prompt != s_defaults.MaxPromptLength)
            yield return ("max_prompt_length", $"max_prompt_length {prompt} leaves no room for an answer within max_length {length}; make it smaller, or null.");
        if (recipe.LearningRateSchedule == LearningRateSchedule.Constant && recipe.WarmupSteps > 0)
            yield return ("warmup_steps", "lr_scheduler_type constant has no warm-up; set warmup_steps to 0 or use constant_with_warmup.");

        (LearningRateSchedule schedule, ScheduleArguments given) = (recipe.LearningRateSchedule, recipe.ScheduleArguments);
        foreach ((string name, bool isGiven, LearningRateSchedule[] takers) in new (string, bool, LearningRateSchedule[])[]
        {
            ("num_cycles", given.NumCycles is not null, [LearningRateSchedule.Cosine, LearningRateSchedule.CosineWithRestarts]),
            ("power", given.Power is not null, [LearningRateSchedule.Polynomial]),
            ("lr_end", given.LrEnd is not null, [LearningRateSchedule.Polynomial]),
            ("timescale", given.Timescale is not null, [LearningRateSchedule.InverseSqrt]),
        })
            if (isGiven && !takers.Contains(schedule))
                yield return ("lr_scheduler_kwargs", $"{name} has no effect on lr_scheduler_type {WireNames.Of(schedule)}; it is for {string.Join(" and ", takers.Select(WireNames.Of))}.");
        if (schedule == LearningRateSchedule.CosineWithRestarts && given.NumCycles is { } cycles && cycles != Math.Floor(cycles))
            yield return ("lr_scheduler_kwargs", $"num_cycles is {cycles}; cosine_with_restarts takes a whole number of cycles.");
        if (schedule == LearningRateSchedule.Polynomial && (given.LrEnd ?? ScheduleArguments.DefaultLrEnd) is var end && end >= recipe.LearningRate)
            yield return ("lr_scheduler_kwargs", $"lr_end {end} is not below learning_rate {recipe.LearningRate}; polynomial goes down from one to the other.");

        string optimizer = WireNames.Of(recipe.Optimizer);
        if (recipe.Optimizer is OptimizerType.Sgd or OptimizerType.Adafactor && recipe.AdamBeta1 != s_defaults.AdamBeta1)
            yield return ("adam_beta1", $"adam_beta1 has no effect on optim {optimizer}; leave it out.");
        if (recipe.Optimizer is OptimizerType.Sgd or OptimizerType.Adafactor && recipe.AdamBeta2 != s_defaults.AdamBeta2)
            yield return ("adam_beta2", $"adam_beta2 has no effect on optim {optimizer}; leave it out.");
        if (recipe.Optimizer != OptimizerType.AdamwTorch && recipe.AdamEpsilon != s_defaults.AdamEpsilon)
            yield return ("adam_epsilon", $"adam_epsilon has no effect on optim {optimizer}; leave it out.");
    }

    private static IEnumerable<(string Field, string Message)> CheckEvaluation(TrainingRecipe recipe)
    {
        if (recipe.EvalSteps is not null && recipe.EvalStrategy is not IntervalStrategy.Steps)
            yield return ("eval_steps", "eval_steps has no effect without eval_strategy steps; set eval_strategy to \"steps\".");
        if (recipe.SaveSteps != s_defaults.SaveSteps && recipe.SaveStrategy != IntervalStrategy.Steps)
            yield return ("save_steps", "save_steps has no effect without save_strategy steps; set save_strategy to \"steps\".");
        if (recipe is { SaveTotalLimit: not null, SaveStrategy: IntervalStrategy.No })
            yield return ("save_total_limit", "save_total_limit has no effect with save_strategy no; leave it out.");

        bool evaluates = recipe.EvalStrategy is IntervalStrategy.Steps or IntervalStrategy.Epoch;
        if (recipe.LoadBestModelAtEnd && !evaluates)
            yield return ("load_best_model_at_end", "load_best_model_at_end needs evaluations: give a validation_file or validation_split, and eval_strategy steps or epoch.");
        if (recipe.EarlyStoppingPatience is not null && !evaluates)
            yield return ("early_stopping_patience", "early_stopping_patience needs evaluations: give a validation_file or validation_split, and eval_strategy steps or epoch.");
        if (recipe is { EarlyStoppingThreshold: > 0, EarlyStoppingPatience: null })
            yield return ("early_stopping_threshold", "early_stopping_threshold has no effect without early_stopping_patience; leave it out.");
        bool compares = recipe.LoadBestModelAtEnd || recipe.EarlyStoppingPatience is not null;
        if (!compares && recipe.MetricForBestModel != s_defaults.MetricForBestModel)
            yield return ("metric_for_best_model", "metric_for_best_model has no effect without load_best_model_at_end or early_stopping_patience; leave it out.");
        if (!compares && recipe.GreaterIsBetter is not null)
            yield return ("greater_is_better", "greater_is_better has no effect without load_best_model_at_end or early_stopping_patience; leave it out.");
        if (!MetricNames.Evaluated(recipe.Method).Contains(recipe.MetricForBestModel))
            yield return ("metric_for_best_model", $"metric_for_best_model is {Excerpt.Of(recipe.MetricForBestModel)}, but an evaluation by method {WireNames.Of(recipe.Method)} has {string.Join(", ", MetricNames.Evaluated(recipe.Method))}.");
    }

    private static string Names(IEnumerable<LossType> losses) => string.Join(", ", losses.Select(WireNames.Of));
}
