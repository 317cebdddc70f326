using System.Text.Json;
using System.Text.Json.Nodes;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>Reads and writes adapters in PEFT's form: <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>.</summary>
internal static class PeftFiles
{
    /// <summary>Name of the configuration file.</summary>
    public const string ConfigFile = "adapter_config.json";

    /// <summary>Name of the weights file.</summary>
    public const string WeightsFile = "adapter_model.safetensors";

    private const string Prefix = "base_model.model.";

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>Writes both files into a folder.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="folder">An existing folder.</param>
    /// <param name="baseModel">What <c>base_model_name_or_path</c> says.</param>
    public static void Write(LoraAdapter adapter, string folder, string baseModel)
    {
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile), adapter.Layers.SelectMany(l => new KeyValuePair<string, Tensor>[]
        {
            new($"{Prefix}{l.Layer.Path}.lora_A.weight", l.A),
            new($"{Prefix}{l.Layer.Path}.lora_B.weight", l.B),
        }));
        File.WriteAllText(Path.Combine(folder, ConfigFile), Config(adapter, baseModel).ToJsonString(s_indented));
    }

    /// <summary>Reads an adapter's settings.</summary>
    /// <exception cref="ModelFormatException">It is no LoRA adapter, or uses a setting that is not supported.</exception>
    public static LoraRecipe ReadRecipe(string folder)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, ConfigFile)));
            JsonElement config = document.RootElement;
            if (Text(config, "peft_type") is not "LORA") throw new ModelFormatException($"{ConfigFile} has peft_type = {Text(config, "peft_type")}; supported is LORA.");
            // fan_in_fan_out says how the model stores its weights, which the model knows itself.
            foreach (string name in new[] { "use_dora", "lora_bias" })
                if (config.TryGetProperty(name, out JsonElement flag) && flag.ValueKind == JsonValueKind.True)
                    throw new ModelFormatException($"{ConfigFile} has {name} = true, which is not supported.");
            if (Text(config, "bias") is { } bias and not "none") throw new ModelFormatException($"{ConfigFile} has bias = {bias}; supported is none.");
            if (config.TryGetProperty("modules_to_save", out JsonElement saved) && saved is { ValueKind: JsonValueKind.Array } && saved.GetArrayLength() > 0)
                throw new ModelFormatException($"{ConfigFile} has modules_to_save, which is not supported.");
            return new LoraRecipe
            {
                Rank = config.GetProperty("r").GetInt32(),
                Alpha = config.GetProperty("lora_alpha").GetDouble(),
                Dropout = config.TryGetProperty("lora_dropout", out JsonElement dropout) ? dropout.GetDouble() : 0,
                UseRsLora = config.TryGetProperty("use_rslora", out JsonElement rslora) && rslora.ValueKind == JsonValueKind.True,
                TargetModules = config.GetProperty("target_modules") is { ValueKind: JsonValueKind.Array } targets
                    ? [.. targets.EnumerateArray().Select(t => t.GetString()!)]
                    : throw new ModelFormatException($"{ConfigFile} has target_modules as a pattern; supported is a list of names."),
                LayersToTransform = config.TryGetProperty("layers_to_transform", out JsonElement layers) && layers.ValueKind == JsonValueKind.Array
                    ? [.. layers.EnumerateArray().Select(l => l.GetInt32())] : null,
                RankPattern = Map(config, "rank_pattern", e => e.GetInt32()),
                AlphaPattern = Map(config, "alpha_pattern", e => e.GetDouble()),
            };
        }
        catch (FileNotFoundException)
        {
            throw new ModelFormatException($"The adapter's folder has no {ConfigFile}.");
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelFormatException($"{ConfigFile} is not a LoRA configuration of PEFT: {exception.Message}");
        }
    }

    /// <summary>Reads an adapter's weights into <paramref name="adapter"/>; every matrix must be there, and no other.</summary>
    /// <exception cref="ModelFormatException">A matrix is missing, of another shape, or there is one too many.</exception>
    public static void ReadWeights(LoraAdapter adapter, string weightsPath)
    {
        if (!File.Exists(weightsPath)) throw new ModelFormatException($"The adapter's folder has no {Path.GetFileName(weightsPath)}.");
        using var _ = no_grad();
        using var reader = new SafetensorsReader(weightsPath);
        var unread = reader.Names.ToHashSet();
        foreach (LoraLayer layer in adapter.Layers)
            foreach ((string part, Tensor target) in new[] { ("lora_A", layer.A), ("lora_B", layer.B) })
            {
                string name = $"{Prefix}{layer.Layer.Path}.{part}.weight";
                reader.ReadInto(name, target);
                unread.Remove(name);
            }
        if (unread.Count > 0) throw new ModelFormatException($"{Path.GetFileName(weightsPath)} has '{unread.Order().First()}', which the model or {ConfigFile} has no place for.");
    }

    private static JsonObject Config(LoraAdapter adapter, string baseModel)
    {
        LoraRecipe recipe = adapter.Recipe;
        // PEFT expands all-linear to the names when it saves; loaders such as vLLM know names alone.
        IEnumerable<string> targets = adapter.Layers.Select(l => l.Layer.Path[(l.Layer.Path.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal);
        return new JsonObject
        {
            ["alpha_pattern"] = new JsonObject(recipe.AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = baseModel,
            ["bias"] = "none",
            ["fan_in_fan_out"] = adapter.Layers.Any(l => l.Layer.FanInFanOut),
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["layer_replication"] = null,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = recipe.LayersToTransform is { } layers ? new JsonArray([.. layers.Select(l => (JsonNode)l)]) : null,
            ["loftq_config"] = new JsonObject(),
            ["lora_alpha"] = Number(recipe.Alpha),
            ["lora_dropout"] = recipe.Dropout,
            ["megatron_config"] = null,
            ["megatron_core"] = "megatron.core",
            ["modules_to_save"] = null,
            ["peft_type"] = "LORA",
            ["r"] = recipe.Rank,
            ["rank_pattern"] = new JsonObject(recipe.RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)p.Value))),
            ["revision"] = null,
            ["target_modules"] = new JsonArray([.. targets.Select(t => (JsonNode)t)]),
            ["task_type"] = "CAUSAL_LM",
            ["use_dora"] = false,
            ["use_rslora"] = recipe.UseRsLora,
        };
    }

    // vLLM reads lora_alpha as an int: a whole number is written as one.
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e9 ? (int)value : value;

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static Dictionary<string, T> Map<T>(JsonElement config, string name, Func<JsonElement, T> read) =>
        config.TryGetProperty(name, out JsonElement map) && map.ValueKind == JsonValueKind.Object
            ? map.EnumerateObject().ToDictionary(p => p.Name, p => read(p.Value)) : [];
}
