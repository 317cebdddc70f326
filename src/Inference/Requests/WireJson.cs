using System.Text.Encodings.Web;
using System.Text.Json;

namespace TrainingService.Inference.Requests;

/// <summary>How answers are written, whatever the host's own settings are.</summary>
internal static class WireJson
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        // Answers are JSON, never HTML: texts stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
}
