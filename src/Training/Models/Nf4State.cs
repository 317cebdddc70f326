using System.Text.Json;
using TrainingService.Training.Modules;

namespace TrainingService.Training.Models;

/// <summary>What bitsandbytes writes beside a matrix it has quantised (<c>quant_state.bitsandbytes__nf4</c>: JSON in a uint8 tensor).</summary>
/// <param name="Shape">Rows and columns of the matrix.</param>
/// <param name="IsNested">Whether the scales are quantised too.</param>
/// <param name="Offset">The scales' mean, which their codes leave out.</param>
internal sealed record Nf4State(long[] Shape, bool IsNested, float Offset)
{
    /// <summary>Reads the tensor's bytes.</summary>
    /// <exception cref="ModelFormatException">It is no such state, or has other block sizes than are supported.</exception>
    public static Nf4State Parse(string name, ReadOnlySpan<byte> bytes)
    {
        try
        {
            JsonElement state = JsonElement.Parse(bytes);
            bool nested = state.TryGetProperty("nested_blocksize", out JsonElement nestedSize);
            if (state.GetProperty("blocksize").GetInt32() != Nf4Code.BlockSize || (nested && nestedSize.GetInt32() != Nf4Code.NestedBlockSize))
                throw new ModelFormatException($"Tensor '{name}' names other blocks than the usual {Nf4Code.BlockSize} and {Nf4Code.NestedBlockSize}.");
            long[] shape = [.. state.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64())];
            if (shape is not [> 0 and <= int.MaxValue, > 0 and <= int.MaxValue]) throw new ModelFormatException($"Tensor '{name}' has shape [{string.Join(", ", shape)}]; a matrix is expected.");
            return new(shape, nested, nested ? state.GetProperty("nested_offset").GetSingle() : 0);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelFormatException($"Tensor '{name}' is no state that bitsandbytes writes: {exception.Message}");
        }
    }
}
