using System.Text.Json;
using TrainingService.Storage.Models;

namespace TrainingService.Api.FineTuning.Validation;

/// <summary>The shapes of a model's weights, read from the headers of its safetensors files: no weight is loaded.</summary>
internal sealed record ModelWeights(IReadOnlyList<TensorHeader> Tensors, ModelDimensions Dimensions)
{
    /// <summary>Weights in all.</summary>
    public long Count => Tensors.Sum(t => t.Count);

    /// <summary>The linear layers of the decoder, by name without the last <c>.weight</c>.</summary>
    public IEnumerable<(string Name, long Outputs, long Inputs)> LinearLayers =>
        from tensor in Tensors
        where tensor.Shape.Length == 2 && tensor.Name.Contains(".layers.", StringComparison.Ordinal) && tensor.Name.EndsWith(".weight", StringComparison.Ordinal)
        select (tensor.Name[..^".weight".Length], tensor.Shape[0], tensor.Shape[1]);

    /// <summary>The model in a folder; null where its files cannot be read so.</summary>
    public static ModelWeights? Read(string folder)
    {
        try
        {
            using JsonDocument config = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "config.json")));
            if (ModelDimensions.Of(config.RootElement) is not { } dimensions) return null;
            IReadOnlyList<TensorHeader> tensors = SafetensorsHeaders.Read(folder);
            return tensors.Count == 0 ? null : new(tensors, dimensions);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            return null;
        }
    }
}

/// <summary>The sizes that decide what a token costs.</summary>
internal sealed record ModelDimensions(int Layers, int Hidden, int Intermediate, int QueryWidth, int KeyValueWidth, int Vocabulary)
{
    /// <summary>From config.json; null where it does not name them.</summary>
    public static ModelDimensions? Of(JsonElement config)
    {
        int? Number(string name) => config.TryGetProperty(name, out JsonElement value) && value.TryGetInt32(out int number) ? number : null;
        if (Number("num_hidden_layers") is not { } layers || Number("hidden_size") is not { } hidden || Number("intermediate_size") is not { } intermediate
            || Number("num_attention_heads") is not ({ } heads and > 0) || Number("vocab_size") is not { } vocabulary) return null;
        int headWidth = Number("head_dim") ?? hidden / heads;
        return new(layers, hidden, intermediate, headWidth * heads, headWidth * (Number("num_key_value_heads") ?? heads), vocabulary);
    }
}
