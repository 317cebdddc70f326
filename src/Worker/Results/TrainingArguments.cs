using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Results;

/// <summary>
/// A job's settings under TRL's, transformers' and PEFT's own names: <c>args</c> is what the trainer's configuration class
/// takes, <c>peft_config</c> what LoraConfig takes. What none of them knows stands under <c>service</c>.
/// </summary>
internal static class TrainingArguments
{
    private static readonly Dictionary<TrainingMethod, string> s_trainers = new()
    {
        [TrainingMethod.Dpo] = "DPO", [TrainingMethod.Supervised] = "SFT", [TrainingMethod.Kto] = "KTO", [TrainingMethod.Orpo] = "ORPO", [TrainingMethod.Cpo] = "CPO",
    };

    private static readonly Dictionary<string, string> s_renamed = new() { ["batch_size"] = "per_device_train_batch_size", ["n_epochs"] = "num_train_epochs" };

    // EarlyStoppingCallback's arguments.
    private static readonly string[] s_callback = ["early_stopping_patience", "early_stopping_threshold"];

    private static readonly string[] s_own = ["learning_rate_multiplier", "max_prompt_length", "validation_split", "reference", "dtype", "load_in_4bit"];

    public static JsonObject Of(TrainingRecipe recipe, string baseModel)
    {
        JsonObject args = [], callback = [], own = [], lora = [];
        foreach (RecipeField field in RecipeFields.Hyperparameters(recipe.Method))
        {
            JsonNode? value = field.Write(recipe);
            if (s_callback.Contains(field.Name)) callback[field.Name] = value;
            else if (s_own.Contains(field.Name)) own[field.Name] = value;
            else args[s_renamed.GetValueOrDefault(field.Name, field.Name)] = value;
        }
        own.Remove("learning_rate_multiplier");
        args["max_steps"] = recipe.MaxSteps ?? -1;
        args["per_device_eval_batch_size"] = recipe.BatchSize;
        args["seed"] = recipe.Seed;
        args["bf16"] = recipe.ComputeType == ComputeType.Bfloat16;
        // TRL turns the adapter's dropout off with the model's unless it is told not to; SFTConfig has no such switch and no need.
        if (recipe.Method != TrainingMethod.Supervised) args["disable_dropout"] = recipe.Lora.Dropout == 0;
        // Absence is the default of each of these; of max_length alone null means something else, no limit.
        foreach (string name in args.Where(a => a.Value is null).Select(a => a.Key).ToList())
            if (name != "max_length") args.Remove(name);

        foreach (RecipeField field in RecipeFields.Lora) lora[field.Name] = field.Write(recipe);
        lora["task_type"] = "CAUSAL_LM";
        string trainer = s_trainers[recipe.Method];
        return new()
        {
            ["trainer"] = trainer + "Trainer",
            ["config"] = trainer + "Config",
            ["model"] = baseModel,
            ["args"] = args,
            ["peft_config"] = lora,
            ["early_stopping_callback"] = recipe.EarlyStoppingPatience is null ? null : callback,
            ["service"] = own,
        };
    }
}
