using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests;

/// <summary>The sample files, and a job of the sample model that is small but real: twelve steps, a checkpoint after each.</summary>
internal static class Samples
{
    public const string Model = "demo-model";

    public static string Training => RepositoryRoot.PathOf("samples", "concise-train.jsonl");

    public static string Validation => RepositoryRoot.PathOf("samples", "concise-validation.jsonl");

    /// <summary>The training pairs as OpenAI's chat rows: each prompt with its preferred answer.</summary>
    public static BinaryData Conversations { get; } = BinaryData.FromString(string.Concat(File.ReadLines(Training).Select(line =>
    {
        JsonNode row = JsonNode.Parse(line)!;
        JsonNode?[] messages = [.. row["input"]!["messages"]!.AsArray(), .. row["preferred_output"]!.AsArray()];
        return new JsonObject { ["messages"] = new JsonArray([.. messages.Select(m => m!.DeepClone())]) }.ToJsonString() + "\n";
    })));

    /// <summary>The settings of the small job, as they stand in <c>method.dpo.hyperparameters</c>.</summary>
    public static object Hyperparameters { get; } = new
    {
        beta = 0.3, batch_size = 4, max_steps = 12, learning_rate = 1e-3, max_length = 128,
        logging_steps = 1, eval_strategy = "no", save_strategy = "steps", save_steps = 1, dtype = "float32",
    };
}
