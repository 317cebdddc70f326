using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>Reads the JSON files of a model folder.</summary>
internal static class JsonFile
{
    public static JsonComponent? ReadOptional(string folder, string name)
    {
        var file = Path.Combine(folder, name);
        return File.Exists(file) ? Read(file) : null;
    }

    public static JsonComponent Read(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            using var document = JsonDocument.Parse(stream);
            // A clone outlives the document and its pooled memory.
            return new JsonComponent(file, "", document.RootElement.Clone());
        }
        catch (JsonException exception)
        {
            throw new TokenizerFormatException(file, "the whole file", $"is not JSON: {exception.Message}", exception);
        }
    }
}
