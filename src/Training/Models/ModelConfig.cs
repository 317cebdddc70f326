using System.Text.Json;
using TrainingService.Domain.Errors;

namespace TrainingService.Training.Models;

/// <summary>
/// A model folder's <c>config.json</c>, with errors that name the field. It remembers which fields were asked for, so that
/// one which an architecture does not know is refused rather than ignored.
/// </summary>
internal sealed class ModelConfig
{
    /// <summary>Fields that change nothing of what a model computes, for any architecture (dropout is off, as TRL has it).</summary>
    private static readonly HashSet<string> s_harmless =
    [
        "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_name_or_path", "architectures", "attention_dropout", "attn_pdrop", "auto_map",
        "begin_suppress_tokens", "bos_token_id", "cache_implementation", "chunk_size_feed_forward", "classifier_dropout", "do_sample", "dtype",
        "embd_pdrop", "eos_token_id", "finetuning_task", "gradient_checkpointing", "hidden_dropout", "id2label", "initializer_range", "is_llama_config", "label2id",
        "max_length", "max_new_tokens", "model_max_length", "num_labels", "output_attentions", "output_hidden_states", "pad_token_id", "pretraining_tp", "problem_type",
        "repetition_penalty", "resid_pdrop", "return_dict", "suppress_tokens", "task_specific_params", "temperature", "tokenizer_class", "top_k", "top_p", "torch_dtype",
        "transformers.js_config", "transformers_version", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache",
    ];

    /// <summary>No model has a size beyond this, and products of two of them stay whole numbers of 64 bits.</summary>
    private const int LargestSize = 1 << 28;

    private readonly JsonElement _root;
    private readonly string _path;
    private readonly HashSet<string> _asked = [];
    private readonly Dictionary<string, ModelConfig> _sections = [];

    private ModelConfig(JsonElement root, string path) => (_root, _path) = (root, path);

    /// <summary>Reads <c>config.json</c> of a folder.</summary>
    /// <exception cref="ModelFormatException">There is none, or it is not a JSON object.</exception>
    public static ModelConfig Load(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new() { AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new ModelFormatException("config.json is not a JSON object.");
            return new(document.RootElement.Clone(), "");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException("The model's folder has no config.json: it is not in Hugging Face's form.");
        }
        catch (JsonException exception)
        {
            throw new ModelFormatException("config.json is not JSON: " + exception.Message);
        }
    }

    /// <summary>The architecture family, e.g. <c>llama</c>.</summary>
    public string ModelType => Text("model_type") ?? throw new ModelFormatException("config.json has no model_type.");

    /// <summary>A part of the configuration, or null when it is absent or null.</summary>
    public ModelConfig? Section(string name)
    {
        if (Find(name) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Object) throw Wrong(name, value, "an object");
        return _sections.TryGetValue(name, out ModelConfig? section) ? section : _sections[name] = new(value, $"{_path}{name}.");
    }

    /// <summary>All parts of the configuration that are objects.</summary>
    public IEnumerable<ModelConfig> Sections() => _root.EnumerateObject().Select(p => Section(p.Name)).OfType<ModelConfig>();

    /// <summary>Whether it has no fields.</summary>
    public bool IsEmpty => !_root.EnumerateObject().Any();

    /// <summary>Names fields that change nothing of what a model computes.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (string name in names) _asked.Add(name);
    }

    /// <summary>A required whole number above 0.</summary>
    public int Size(string name) => OptionalSize(name) ?? throw new ModelFormatException($"config.json has no {_path}{name}.");

    /// <summary>A whole number above 0, or null.</summary>
    public int? OptionalSize(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number is > 0 and <= LargestSize ? number
            : throw Wrong(name, value, $"a whole number from 1 to {LargestSize}");
    }

    /// <summary>A whole number above 0 with a value of its own when the field is absent; null when it is null.</summary>
    public int? OptionalSize(string name, int whenAbsent) => _root.TryGetProperty(name, out _) ? OptionalSize(name) : whenAbsent;

    /// <summary>A number, or null.</summary>
    public double? Number(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number
            : throw Wrong(name, value, "a number");
    }

    /// <summary>A number with a value of its own when the field is absent; null when it is null.</summary>
    public double? Number(string name, double whenAbsent) => _root.TryGetProperty(name, out _) ? Number(name) : whenAbsent;

    /// <summary>A list of numbers, or null.</summary>
    public double[]? Numbers(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number)
            ? [.. value.EnumerateArray().Select(v => v.GetDouble())] : throw Wrong(name, value, "a list of numbers");
    }

    /// <summary>A list of texts, or null.</summary>
    public string[]? Texts(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(v => v.GetString()!)] : throw Wrong(name, value, "a list of texts");
    }

    /// <summary>A truth value.</summary>
    public bool Flag(string name, bool whenAbsent = false)
    {
        if (Find(name) is not { } value) return whenAbsent;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Wrong(name, value, "true or false");
    }

    /// <summary>A text, or null.</summary>
    public string? Text(string name)
    {
        if (Find(name) is not { } value) return null;
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(name, value, "a text");
        }
        catch (InvalidOperationException)
        {
            throw Wrong(name, value, "a text in Unicode, without half of a surrogate pair,");
        }
    }

    /// <summary>Refuses values of a text field other than those given; absent is the first.</summary>
    public string Expect(string name, params ReadOnlySpan<string> supported) =>
        Text(name) is not { } text ? supported[0] : supported.Contains(text) ? text
            : throw new ModelFormatException($"config.json has {_path}{name} = {text}; supported for {ModelType} is {string.Join(", ", supported)}.");

    /// <summary>Refuses a field that would change the result in a way that is not implemented.</summary>
    public void Refuse(string name, string reason)
    {
        if (Find(name) is { } value && !SaysNothing(value)) throw new ModelFormatException($"config.json has {_path}{name}: {reason}");
    }

    /// <summary>Refuses fields that nobody asked for and that may change what the model computes.</summary>
    /// <param name="harmless">Fields that change nothing for this architecture.</param>
    public void RefuseUnknown(params ReadOnlySpan<string> harmless)
    {
        foreach (JsonProperty field in _root.EnumerateObject())
        {
            if (_asked.Contains(field.Name) || s_harmless.Contains(field.Name) || harmless.Contains(field.Name) || SaysNothing(field.Value)) continue;
            throw new ModelFormatException($"config.json has {_path}{field.Name} = {Shown(field.Value)}, which is not known here and may change what the model computes. Remove the field if it has no effect.");
        }
        foreach (ModelConfig section in _sections.Values) section.RefuseUnknown();
    }

    private static bool SaysNothing(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static string Shown(JsonElement value) => Excerpt.Of(value.GetRawText(), longest: 100);

    private ModelFormatException Wrong(string name, JsonElement value, string expected) =>
        new($"config.json has {_path}{name} = {Shown(value)}; {expected} is expected.");

    private JsonElement? Find(string name)
    {
        _asked.Add(name);
        return _root.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }
}
