using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>How a checkpoint's linear layers are quantised, by config.json's <c>quantization_config</c>.</summary>
/// <param name="HasScales">Whether fp8 weights have scales beside them.</param>
/// <param name="Block">Rows and columns that share a scale; null when a matrix or a row has one.</param>
internal sealed record StoredQuantization(bool HasScales, (int Rows, int Columns)? Block)
{
    /// <summary>Weights that are stored as they are.</summary>
    public static StoredQuantization None { get; } = new(false, null);

    /// <summary>Reads <c>quantization_config</c>.</summary>
    /// <exception cref="ModelFormatException">The method is not supported; the message says which are.</exception>
    public static StoredQuantization Of(ModelConfig config)
    {
        if (config.Section("quantization_config") is not { IsEmpty: false } section) return None;
        // transformers before 4.31 wrote no method.
        return (section.Text("quant_method") ?? (section.Flag("load_in_4bit") || section.Flag("load_in_8bit") ? "bitsandbytes" : null)) switch
        {
            "bitsandbytes" => Bitsandbytes(section),
            "fp8" => Fp8(section),
            "compressed-tensors" => CompressedTensors(section),
            var method => throw new ModelFormatException(
                $"config.json has quantization_config.quant_method = {method ?? "(none)"}: weights quantised so are not supported; supported are bitsandbytes (nf4), fp8 and compressed-tensors (float-quantized). Use the unquantised model."),
        };
    }

    /// <summary>Multiplies an fp8 matrix, already in the type of the arithmetic, by its scales: in float32, rounded once.</summary>
    /// <param name="name">The matrix's name.</param>
    /// <param name="matrix">(rows, columns).</param>
    /// <param name="scales">One for all, one a row, or one a block.</param>
    public void Scale(string name, Tensor matrix, Tensor scales)
    {
        using DisposeScope scope = NewDisposeScope();
        scales = scales.to(ScalarType.Float32, matrix.device);
        long rows = matrix.shape[0], columns = matrix.dim() == 2 ? matrix.shape[1] : 1, step = Block?.Rows ?? 128;
        Func<long, long, Tensor> scaleOf = scales.shape switch
        {
            _ when scales.numel() == 1 => (_, _) => scales.view(1),
            [var across, var along] when Block is { } block && across == Count(rows, block.Rows) && along == Count(columns, block.Columns) =>
                (row, _) => scales.select(0, row / block.Rows).repeat_interleave(block.Columns).narrow(0, 0, columns),
            [var each, ..] when each == rows && scales.numel() == rows => (row, n) => scales.view(-1, 1).narrow(0, row, n),
            _ => throw new ModelFormatException($"The scales of fp8 tensor '{name}' have shape [{string.Join(", ", scales.shape)}], which fits neither [{rows}, {columns}] nor its blocks (quantization_config.weight_block_size)."),
        };
        for (long row = 0; row < rows; row += step)
        {
            using DisposeScope inner = NewDisposeScope();
            long n = Math.Min(step, rows - row);
            Tensor part = matrix.narrow(0, row, n);
            part.copy_(part.to_type(ScalarType.Float32).mul_(scaleOf(row, n)));
        }
    }

    private static long Count(long size, int block) => (size + block - 1) / block;

    private static StoredQuantization Bitsandbytes(ModelConfig section)
    {
        section.Ignore("_load_in_4bit", "_load_in_8bit", "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage", "bnb_4bit_use_double_quant",
            "llm_int8_enable_fp32_cpu_offload", "llm_int8_has_fp16_weight", "llm_int8_skip_modules", "llm_int8_threshold", "load_in_8bit");
        if (!section.Flag("load_in_4bit")) throw new ModelFormatException("config.json has quantization_config.load_in_8bit: bitsandbytes' int8 is not supported; use the unquantised model with load_in_4bit.");
        string type = section.Text("bnb_4bit_quant_type") ?? "fp4";
        return type == "nf4" ? None : throw new ModelFormatException($"config.json has quantization_config.bnb_4bit_quant_type = {type}; supported is nf4.");
    }

    private static StoredQuantization Fp8(ModelConfig section)
    {
        // How activations would be rounded, and which layers are not quantised: those are stored as they are.
        section.Ignore("activation_scheme", "fmt", "ignored_layers", "kv_cache_scheme", "modules_to_not_convert", "scale_fmt");
        return new(true, ReadBlock(section, "weight_block_size"));
    }

    private static StoredQuantization CompressedTensors(ModelConfig section)
    {
        section.Ignore("global_compression_ratio", "ignore", "kv_cache_scheme", "quantization_status", "version");
        if (section.Text("format") is not ("float-quantized" or "naive-quantized") and var format)
            throw new ModelFormatException($"config.json has quantization_config.format = {format ?? "(none)"}: of compressed-tensors, float-quantized (fp8) is supported. Use the unquantised model.");
        (int Rows, int Columns)? block = null;
        foreach (ModelConfig group in section.Section("config_groups")?.Sections() ?? [])
        {
            group.Ignore("format", "input_activations", "output_activations", "targets");
            if (group.Section("weights") is not { } weights) continue;
            weights.Ignore("actorder", "dynamic", "group_size", "observer", "observer_kwargs", "scale_dtype", "symmetric", "zp_dtype");
            if (weights.OptionalSize("num_bits") is not 8 || weights.Text("type") is not "float" || weights.Text("strategy") is not (null or "tensor" or "channel" or "block"))
                throw new ModelFormatException("config.json has quantization_config.config_groups with other weights than 8-bit floating point with a scale a tensor, channel or block.");
            block ??= ReadBlock(weights, "block_structure");
        }
        return new(true, block);
    }

    private static (int Rows, int Columns)? ReadBlock(ModelConfig section, string name) => section.Numbers(name) switch
    {
        null => null,
        [>= 1 and <= 65536 and var rows, >= 1 and <= 65536 and var columns] => ((int)rows, (int)columns),
        _ => throw new ModelFormatException($"config.json has quantization_config.{name}, which is no pair of a block's rows and columns."),
    };
}
