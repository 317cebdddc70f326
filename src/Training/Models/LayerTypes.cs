namespace TrainingService.Training.Models;

/// <summary>Which layers of a decoder see a sliding window alone.</summary>
internal static class LayerTypes
{
    /// <summary>Reads <c>layer_types</c>; true is a layer with a window.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="layers">Decoder layers.</param>
    /// <param name="whenAbsent">Whether a layer has a window when config.json does not list the types.</param>
    public static bool[] Sliding(ModelConfig config, int layers, Func<int, bool> whenAbsent)
    {
        if (config.Texts("layer_types") is not { } types) return [.. Enumerable.Range(0, layers).Select(whenAbsent)];
        if (types.Length != layers) throw new ModelFormatException($"config.json has {types.Length} layer_types for {layers} layers.");
        return [.. types.Select(t => t switch
        {
            "sliding_attention" => true,
            "full_attention" => false,
            _ => throw new ModelFormatException($"config.json has '{t}' in layer_types; supported are full_attention and sliding_attention."),
        })];
    }
}
