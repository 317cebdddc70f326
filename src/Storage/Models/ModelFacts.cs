using System.Text.Json;
using TrainingService.Domain.Models;

namespace TrainingService.Storage.Models;

/// <summary>What a model's folder tells without the engine.</summary>
/// <param name="Architecture">Its <c>model_type</c>.</param>
/// <param name="Parameters">Weights in all; null where their files cannot be read, or pack them.</param>
/// <param name="Bytes">Length of its files.</param>
/// <param name="ContextLength">Positions it was made for.</param>
/// <param name="Dtype">Type of most of its weights, under PyTorch's name.</param>
/// <param name="HasTokenizer">Whether it reads text, not token ids alone.</param>
/// <param name="HasChatTemplate">Whether it says how conversations are written.</param>
/// <param name="Problem">Why it cannot be trained here; null when nothing that is known without the engine speaks against it.</param>
public sealed record ModelFacts(
    string? Architecture, long? Parameters, long Bytes, long? ContextLength, string? Dtype, bool HasTokenizer, bool HasChatTemplate, string? Problem)
{
    private static readonly string[] s_pickles = [".bin", ".pt", ".pth", ".ckpt"];

    /// <summary>The facts of a folder, whatever is wrong in it.</summary>
    public static ModelFacts Read(string folder)
    {
        string[] files = [.. Directory.EnumerateFiles(folder)];
        string? problem = null;
        JsonElement config = ReadJson(folder, "config.json", ref problem);
        problem ??= ModelSupport.Problem(config);
        IReadOnlyList<TensorHeader> tensors = [];
        try
        {
            tensors = SafetensorsHeaders.Read(folder);
            if (tensors.Count == 0) problem ??= NoWeights(files);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            problem ??= e.Message;
        }
        string? ignored = null;
        return new(
            Text(config, "model_type"),
            // bitsandbytes packs two weights into a byte, beside tensors that are none.
            tensors.Count == 0 || tensors.Any(t => t.Name.Contains(".quant_state.", StringComparison.Ordinal)) ? null : tensors.Sum(t => t.Count),
            files.Sum(f => new FileInfo(f).Length),
            Number(config, "max_position_embeddings") ?? Number(config, "n_positions"),
            tensors.GroupBy(t => t.Dtype).MaxBy(g => g.Sum(t => t.Count)) is { } most ? TorchName(most.Key) : null,
            Has(folder, "tokenizer.json"),
            Has(folder, "chat_template.jinja") || (ReadJson(folder, "tokenizer_config.json", ref ignored) is { ValueKind: JsonValueKind.Object } tokenizer
                && tokenizer.TryGetProperty("chat_template", out JsonElement template) && template.ValueKind != JsonValueKind.Null),
            problem);
    }

    private static string NoWeights(string[] files) =>
        files.FirstOrDefault(f => s_pickles.Contains(Path.GetExtension(f))) is { } pickle
            ? $"The weights are pickle files ({Path.GetFileName(pickle)}), which can run code when opened. Convert them to safetensors."
            : "The folder has neither model.safetensors nor model.safetensors.index.json.";

    private static JsonElement ReadJson(string folder, string name, ref string? problem)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, name)), new() { AllowTrailingCommas = true });
            return json.RootElement.Clone();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            problem = $"{name} cannot be read: {e.Message}";
            return default;
        }
    }

    private static bool Has(string folder, string name) => File.Exists(Path.Combine(folder, name));

    private static string? Text(JsonElement config, string name) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Number(JsonElement config, string name) =>
        config.ValueKind == JsonValueKind.Object && config.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : null;

    private static string TorchName(string dtype) => dtype switch
    {
        "BF16" => "bfloat16",
        "F16" => "float16",
        "F32" => "float32",
        "F64" => "float64",
        "F8_E4M3" => "float8_e4m3fn",
        "F8_E5M2" => "float8_e5m2",
        _ => dtype.ToLowerInvariant(),
    };
}
