using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;

namespace TrainingService.Training.Adapters;

/// <summary>PEFT's <c>adapter_config.json</c>, its keys in PEFT's order.</summary>
internal static class PeftConfig
{
    private const string FileName = PeftFiles.ConfigFile;

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <summary>Starts of an adapter that change the base model's weights, so that its tensors mean nothing without that change.</summary>
    private static readonly string[] s_changesBase = ["pissa", "olora", "corda", "loftq", "lora_ga"];

    /// <summary>Settings that this service has no place for, with the value each has when it is off.</summary>
    private static readonly string[] s_off = ["lora_bias", "use_qalora", "use_bdlora", "trainable_token_indices", "target_parameters", "alora_invocation_tokens", "arrow_config", "velora_config", "monteclora_config", "kasa_config"];

    /// <summary>Reads an adapter's settings.</summary>
    /// <exception cref="ModelFormatException">It is no LoRA adapter, or uses a setting that is not supported.</exception>
    public static LoraRecipe Read(string folder)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, FileName)));
            JsonElement config = document.RootElement;
            RefuseUnsupported(config);
            JsonElement targets = config.GetProperty("target_modules");
            bool named = targets.ValueKind == JsonValueKind.Array, all = !named && targets.GetString() == "all-linear";
            return new LoraRecipe
            {
                Rank = config.GetProperty("r").GetInt32(),
                Alpha = config.GetProperty("lora_alpha").GetDouble(),
                Dropout = config.TryGetProperty("lora_dropout", out JsonElement dropout) ? dropout.GetDouble() : 0,
                UseRsLora = IsTrue(config, "use_rslora"),
                UseDora = IsTrue(config, "use_dora"),
                TargetModules = named ? Texts(targets) : all ? ["all-linear"] : [],
                TargetPattern = named || all ? null : targets.GetString(),
                ModulesToSave = Set(config, "modules_to_save") is { } saved ? Texts(saved) : [],
                LayersToTransform = Set(config, "layers_to_transform") switch
                {
                    null => null,
                    { ValueKind: JsonValueKind.Array } layers => [.. layers.EnumerateArray().Select(l => l.GetInt32())],
                    { } single => [single.GetInt32()],
                },
                RankPattern = Map(config, "rank_pattern", e => e.GetInt32()),
                AlphaPattern = Map(config, "alpha_pattern", e => e.GetDouble()),
            };
        }
        catch (FileNotFoundException)
        {
            throw new ModelFormatException($"The adapter's folder has no {FileName}.");
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelFormatException($"{FileName} is not a LoRA configuration of PEFT: {exception.Message}");
        }
    }

    /// <summary>The file's text. An adapter with a start is written as the plain one of twice the rank that it amounts to, whose base is the model itself.</summary>
    public static string Write(LoraAdapter adapter, string baseModel)
    {
        LoraRecipe recipe = adapter.Recipe;
        int ranks = adapter.Start is null ? 1 : 2;
        // The scaling stays: alpha grows like the rank, or like its root.
        double alphas = recipe.UseRsLora ? Math.Sqrt(ranks) : ranks;
        // PEFT expands all-linear to the names when it saves; loaders such as vLLM know names alone.
        IEnumerable<string> targets = (recipe.TargetModules is ["all-linear"] ? adapter.Layers.Select(l => l.Layer.Name) : recipe.TargetModules).Distinct().Order(StringComparer.Ordinal);
        return new JsonObject
        {
            ["alpha_pattern"] = new JsonObject(recipe.AlphaPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)Number(p.Value * alphas)))),
            ["auto_mapping"] = null,
            ["base_model_name_or_path"] = baseModel,
            ["bias"] = "none",
            ["fan_in_fan_out"] = adapter.Layers.Any(l => l.Layer.FanInFanOut),
            ["inference_mode"] = true,
            ["init_lora_weights"] = recipe.Initialization == LoraInitialization.Gaussian ? "gaussian" : true,
            ["layer_replication"] = null,
            ["layers_pattern"] = null,
            ["layers_to_transform"] = recipe.LayersToTransform is { } layers ? new JsonArray([.. layers.Select(l => (JsonNode)l)]) : null,
            ["loftq_config"] = new JsonObject(),
            ["lora_alpha"] = Number(recipe.Alpha * alphas),
            ["lora_dropout"] = recipe.Dropout == 0 ? JsonNode.Parse("0.0") : recipe.Dropout,
            ["megatron_config"] = null,
            ["megatron_core"] = "megatron.core",
            ["modules_to_save"] = recipe.ModulesToSave is [] ? null : new JsonArray([.. recipe.ModulesToSave.Select(m => (JsonNode)m)]),
            ["peft_type"] = "LORA",
            ["r"] = recipe.Rank * ranks,
            ["rank_pattern"] = new JsonObject(recipe.RankPattern.Select(p => KeyValuePair.Create(p.Key, (JsonNode?)(p.Value * ranks)))),
            ["revision"] = null,
            ["target_modules"] = recipe.TargetPattern is { } pattern ? pattern : new JsonArray([.. targets.Select(t => (JsonNode)t)]),
            ["task_type"] = "CAUSAL_LM",
            ["use_dora"] = recipe.UseDora,
            ["use_rslora"] = recipe.UseRsLora,
        }.ToJsonString(s_indented);
    }

    private static void RefuseUnsupported(JsonElement config)
    {
        if (Text(config, "peft_type") is not "LORA") throw new ModelFormatException($"{FileName} has peft_type = {Text(config, "peft_type")}; supported is LORA.");
        // fan_in_fan_out says how the model stores its weights, which the model knows itself.
        foreach (string name in s_off)
            if (Set(config, name) is { ValueKind: not JsonValueKind.False } value)
                throw new ModelFormatException($"{FileName} has {name} = {value.GetRawText()}, which is not supported.");
        if (Text(config, "bias") is { } bias and not "none") throw new ModelFormatException($"{FileName} has bias = {bias}; supported is none.");
        if (IsTrue(config, "ensure_weight_tying") && Set(config, "modules_to_save") is not null)
            throw new ModelFormatException($"{FileName} has ensure_weight_tying = true, which is not supported: each of modules_to_save is trained by itself.");
        if (Text(config, "init_lora_weights") is { } start && s_changesBase.FirstOrDefault(s => start.StartsWith(s, StringComparison.OrdinalIgnoreCase)) is { } changing)
            throw new ModelFormatException($"{FileName} has init_lora_weights = {start}: the adapter belongs to a base whose weights {changing} has changed. Save it with path_initial_model_for_weight_conversion, which makes it an adapter of the base itself.");
    }

    // vLLM reads lora_alpha as an int: a whole number is written as one.
    private static JsonNode Number(double value) => value == Math.Floor(value) && Math.Abs(value) < 1e9 ? (int)value : value;

    /// <summary>A field that is there, not null and no empty list.</summary>
    private static JsonElement? Set(JsonElement config, string name) =>
        config.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0) ? value : null;

    private static bool IsTrue(JsonElement config, string name) => Set(config, name)?.ValueKind == JsonValueKind.True;

    private static string? Text(JsonElement config, string name) => Set(config, name) is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    private static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(t => t.GetString()!)];

    private static Dictionary<string, T> Map<T>(JsonElement config, string name, Func<JsonElement, T> read) =>
        Set(config, name) is { ValueKind: JsonValueKind.Object } map ? map.EnumerateObject().ToDictionary(p => p.Name, p => read(p.Value)) : [];
}
