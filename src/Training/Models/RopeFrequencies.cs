namespace TrainingService.Training.Models;

/// <summary>Inverse frequencies of rotary embeddings as transformers computes them from <c>rope_parameters</c> or <c>rope_theta</c> + <c>rope_scaling</c>.</summary>
internal static class RopeFrequencies
{
    /// <summary>(head size / 2) inverse frequencies.</summary>
    /// <exception cref="ModelFormatException">The kind of scaling is not supported.</exception>
    public static float[] Of(ModelConfig config, int headSize)
    {
        ModelConfig? scaling = config.Section("rope_parameters") ?? config.Section("rope_scaling");
        double theta = scaling?.Number("rope_theta") ?? config.Number("rope_theta") ?? 10_000;
        string kind = scaling?.Text("rope_type") ?? scaling?.Text("type") ?? "default";
        var frequencies = new float[headSize / 2];
        for (int i = 0; i < frequencies.Length; i++)
            frequencies[i] = 1f / (float)Math.Pow(theta, 2.0 * i / headSize);
        switch (kind)
        {
            case "default":
                return frequencies;
            case "linear":
                float factor = (float)Required(scaling!, "factor");
                return [.. frequencies.Select(f => f / factor)];
            case "llama3":
                return Llama3(frequencies, scaling!);
            default:
                throw new ModelFormatException($"config.json has rope type '{kind}'; supported are default, linear and llama3.");
        }
    }

    /// <summary>Llama 3.1's scaling: long wavelengths are stretched by the factor, short ones kept, those between interpolated.</summary>
    private static float[] Llama3(float[] frequencies, ModelConfig scaling)
    {
        double factor = Required(scaling, "factor"), low = Required(scaling, "low_freq_factor"), high = Required(scaling, "high_freq_factor");
        double context = Required(scaling, "original_max_position_embeddings");
        return [.. frequencies.Select(frequency =>
        {
            double wavelength = 2 * Math.PI / frequency;
            if (wavelength < context / high) return frequency;
            if (wavelength > context / low) return (float)(frequency / factor);
            double smooth = (context / wavelength - low) / (high - low);
            return (float)((1 - smooth) * frequency / factor + smooth * frequency);
        })];
    }

    private static double Required(ModelConfig scaling, string name) =>
        scaling.Number(name) ?? throw new ModelFormatException($"config.json's RoPE scaling has no {name}.");
}
