using System.Text.Json;

namespace TrainingService.Training.Models;

/// <summary>A model folder's <c>config.json</c>, with errors that name the field.</summary>
internal sealed class ModelConfig
{
    private readonly JsonElement _root;

    private ModelConfig(JsonElement root) => _root = root;

    /// <summary>Reads <c>config.json</c> of a folder.</summary>
    /// <exception cref="ModelFormatException">There is none, or it is not a JSON object.</exception>
    public static ModelConfig Load(string folder)
    {
        string path = Path.Combine(folder, "config.json");
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new() { AllowTrailingCommas = true });
            if (document.RootElement.ValueKind != JsonValueKind.Object) throw new ModelFormatException("config.json is not a JSON object.");
            return new(document.RootElement.Clone());
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
    public ModelConfig? Section(string name) => Find(name) is { ValueKind: JsonValueKind.Object } section ? new(section) : null;

    /// <summary>A required whole number above 0.</summary>
    public int Size(string name) => OptionalSize(name) ?? throw new ModelFormatException($"config.json has no {name}.");

    /// <summary>A whole number above 0, or null.</summary>
    public int? OptionalSize(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number > 0 ? number
            : throw new ModelFormatException($"config.json has {name} = {value.GetRawText()}; a whole number above 0 is expected.");
    }

    /// <summary>A number, or null.</summary>
    public double? Number(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) ? number
            : throw new ModelFormatException($"config.json has {name} = {value.GetRawText()}; a number is expected.");
    }

    /// <summary>A truth value; false when absent.</summary>
    public bool Flag(string name)
    {
        if (Find(name) is not { } value) return false;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw new ModelFormatException($"config.json has {name} = {value.GetRawText()}; true or false is expected.");
    }

    /// <summary>A text, or null.</summary>
    public string? Text(string name)
    {
        if (Find(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString()
            : throw new ModelFormatException($"config.json has {name} = {value.GetRawText()}; a text is expected.");
    }

    /// <summary>Refuses a field that would change the result in a way that is not implemented.</summary>
    public void Refuse(string name, string reason)
    {
        if (Find(name) is { } value && value.ValueKind is not JsonValueKind.False)
            throw new ModelFormatException($"config.json has {name}: {reason}");
    }

    private JsonElement? Find(string name) =>
        _root.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
}
