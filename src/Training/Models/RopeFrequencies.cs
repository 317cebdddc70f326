using TrainingService.Training.Modules;

namespace TrainingService.Training.Models;

/// <summary>
/// Frequencies of rotary embeddings as transformers computes them, from either spelling: <c>rope_parameters</c>, or
/// <c>rope_theta</c> beside <c>rope_scaling</c>.
/// </summary>
internal static class RopeFrequencies
{
    /// <summary>Reads the model's one rotary embedding.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="headSize">Elements a head.</param>
    /// <param name="theta">Base when none is given.</param>
    /// <param name="turned">Share of a head's elements that turn when none is given.</param>
    /// <exception cref="ModelFormatException">The kind of scaling is not supported, or a setting of it is missing.</exception>
    public static RotaryFrequencies Of(ModelConfig config, int headSize, double theta = 10_000, double turned = 1)
    {
        ModelConfig? settings = config.Section("rope_parameters") ?? config.Section("rope_scaling");
        return Of(config, settings, headSize, config.Number("rope_theta") ?? theta, config.Number("partial_rotary_factor") ?? turned);
    }

    /// <summary>Reads one of several rotary embeddings from its own settings; null is the default kind.</summary>
    public static RotaryFrequencies Of(ModelConfig config, ModelConfig? settings, int headSize, double theta, double turned = 1)
    {
        int size = (int)(headSize * (settings?.Number("partial_rotary_factor") ?? turned));
        // An odd number is rounded up to pairs, though the frequencies are those of the odd number.
        if (size < 1 || size > headSize || size + size % 2 > headSize) throw new ModelFormatException($"config.json has rotary positions over {size} of {headSize} elements a head, which do not make pairs.");
        int context = config.OptionalSize("max_position_embeddings") ?? 2048;
        // Asked for whatever the kind is: transformers writes both beside kinds that do not use them.
        int? ofSettings = settings?.OptionalSize("original_max_position_embeddings");
        int original = config.OptionalSize("original_max_position_embeddings") ?? ofSettings ?? context;
        theta = settings?.Number("rope_theta") ?? theta;
        if (settings is null) return new(Inverse(theta, size));

        string? formerKind = settings.Text("type");
        string kind = settings.Text("rope_type") ?? formerKind ?? "default";
        // Phi-3's first configurations call longrope so.
        if (kind is "su" || (kind is "yarn" && config.ModelType == "phi3")) kind = "longrope";
        return kind switch
        {
            "default" => new(Inverse(theta, size)),
            "linear" => new(Divided(Inverse(theta, size), Required(settings, "factor"))),
            "dynamic" => Dynamic(theta, size, Required(settings, "factor"), context),
            "llama3" => new(Llama3(Inverse(theta, size), settings, original)),
            "yarn" => Yarn(theta, size, settings, context, original),
            "longrope" => LongRope(theta, size, settings, context, original),
            _ => throw new ModelFormatException($"config.json has rope type '{kind}'; supported are default, linear, dynamic, llama3, yarn and longrope."),
        };
    }

    private static float[] Inverse(double theta, int size) =>
        [.. Enumerable.Range(0, (size + 1) / 2).Select(i => 1f / (float)Math.Pow(theta, 2.0 * i / size))];

    private static float[] Divided(float[] frequencies, double factor) => [.. frequencies.Select(f => f / (float)factor)];

    /// <summary>The base grows with the sequence beyond the trained context ("NTK-aware" scaling).</summary>
    private static RotaryFrequencies Dynamic(double theta, int size, double factor, int context)
    {
        if (size <= 2) throw new ModelFormatException($"config.json has rope type 'dynamic' over {size} elements a head; more are needed.");
        return new(Inverse(theta, size))
        {
            Boundary = context,
            Beyond = length => Inverse(theta * Math.Pow(factor * length / context - (factor - 1), size / (size - 2.0)), size),
        };
    }

    /// <summary>Llama 3.1's scaling: long wavelengths are stretched by the factor, short ones kept, those between interpolated.</summary>
    private static float[] Llama3(float[] frequencies, ModelConfig settings, double context)
    {
        double factor = Required(settings, "factor"), low = Required(settings, "low_freq_factor"), high = Required(settings, "high_freq_factor");
        return [.. frequencies.Select(frequency =>
        {
            double wavelength = 2 * Math.PI / frequency;
            if (wavelength < context / high) return frequency;
            if (wavelength > context / low) return (float)(frequency / factor);
            double smooth = (context / wavelength - low) / (high - low);
            return (float)((1 - smooth) * frequency / factor + smooth * frequency);
        })];
    }

    /// <summary>YaRN (Peng et al., 2023, arXiv 2309.00071): dimensions that turn often are kept, slow ones stretched, those between mixed.</summary>
    private static RotaryFrequencies Yarn(double theta, int size, ModelConfig settings, int context, int original)
    {
        double factor = settings.Number("factor") ?? (double)context / original;
        double fast = settings.Number("beta_fast") ?? 32, slow = settings.Number("beta_slow") ?? 1;
        double? scale = settings.Number("mscale"), allScale = settings.Number("mscale_all_dim");
        double magnitude = settings.Number("attention_factor")
            ?? (scale is > 0 and { } m && allScale is > 0 and { } all ? Growth(m) / Growth(all) : Growth(1));
        double low = Dimension(fast), high = Dimension(slow);
        if (settings.Flag("truncate", whenAbsent: true)) (low, high) = (Math.Floor(low), Math.Ceiling(high));
        (low, high) = (Math.Max(low, 0), Math.Min(high, size - 1));
        if (low == high) high += 0.001;
        float[] kept = Inverse(theta, size);
        return new([.. kept.Select((f, i) =>
        {
            double stretched = Math.Clamp((i - low) / (high - low), 0, 1);
            return (float)(f / factor * stretched + f * (1 - stretched));
        })], magnitude);

        double Growth(double by) => factor <= 1 ? 1 : 0.1 * by * Math.Log(factor) + 1;
        double Dimension(double turns) => size * Math.Log(original / (turns * 2 * Math.PI)) / (2 * Math.Log(theta));
    }

    /// <summary>LongRoPE (Ding et al., 2024, arXiv 2402.13753): a factor a dimension, others for sequences beyond the original context.</summary>
    private static RotaryFrequencies LongRope(double theta, int size, ModelConfig settings, int context, int original)
    {
        double factor = settings.Number("factor") ?? (double)context / original;
        double magnitude = settings.Number("attention_factor") ?? (factor <= 1 ? 1 : Math.Sqrt(1 + Math.Log(factor) / Math.Log(original)));
        float[] beyond = Scaled("long_factor");
        return new(Scaled("short_factor"), magnitude) { Boundary = original, Beyond = _ => beyond, RereadsBeyond = true };

        float[] Scaled(string name)
        {
            double[] factors = settings.Numbers(name) ?? throw new ModelFormatException($"config.json's RoPE settings have no {name}.");
            if (factors.Length != (size + 1) / 2) throw new ModelFormatException($"config.json's RoPE settings have {factors.Length} numbers in {name}; {(size + 1) / 2} are expected.");
            return [.. factors.Select((f, i) => (float)(1 / (f * Math.Pow(theta, 2.0 * i / size))))];
        }
    }

    private static double Required(ModelConfig settings, string name) =>
        settings.Number(name) ?? throw new ModelFormatException($"config.json's RoPE settings have no {name}.");
}
