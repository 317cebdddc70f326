using System.Text.Json;
using TrainingService.Inference.Errors;

namespace TrainingService.Inference.Requests;

/// <summary>What chat and completions have in common: how answers are drawn, where they end, how they are sent.</summary>
internal sealed record AnswerSettings
{
    private const int MostAnswers = 128;
    private const int MostStops = 4;

    /// <summary>Names of the fields that are read here.</summary>
    public static IReadOnlyList<string> Fields { get; } = ["temperature", "top_p", "n", "seed", "stop", "stream", "stream_options"];

    /// <summary>Fields of OpenAI's API without effect here, each with the values that ask for none.</summary>
    public static IReadOnlyDictionary<string, Func<JsonElement, bool>> Unsupported { get; } = new Dictionary<string, Func<JsonElement, bool>>
    {
        ["presence_penalty"] = IsZero,
        ["frequency_penalty"] = IsZero,
        ["logit_bias"] = IsEmpty,
        // Says who asks; answers do not depend on it.
        ["user"] = _ => true,
    };

    public double Temperature { get; private init; } = 1;

    public double TopP { get; private init; } = 1;

    /// <summary>Answers a prompt.</summary>
    public int Answers { get; private init; } = 1;

    /// <summary>Seed of the draws; null draws one.</summary>
    public long? Seed { get; private init; }

    /// <summary>Texts that end an answer.</summary>
    public IReadOnlyList<string> Stop { get; private init; } = [];

    /// <summary>Whether the answer is sent in parts.</summary>
    public bool Stream { get; private init; }

    /// <summary>Whether a last part tells the usage.</summary>
    public bool IncludeUsage { get; private init; }

    /// <summary>Most tokens of an answer; null when only the model's context ends it.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>How many of the most probable tokens are told with each token; null when no log-probabilities are.</summary>
    public int? TopLogProbs { get; init; }

    /// <summary>Reads the fields that both kinds of requests have.</summary>
    public static AnswerSettings Read(RequestFields fields)
    {
        bool stream = fields.Flag("stream");
        return new()
        {
            Temperature = fields.Number("temperature", 0, 2) ?? 1,
            TopP = fields.Number("top_p", 0, 1) ?? 1,
            Answers = fields.Integer("n", 1, MostAnswers) ?? 1,
            Seed = fields.Long("seed"),
            Stop = ReadStop(fields),
            Stream = stream,
            IncludeUsage = ReadIncludeUsage(fields, stream),
        };
    }

    public static bool IsZero(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == 0;

    public static bool IsEmpty(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object && !value.EnumerateObject().Any() || value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;

    private static string[] ReadStop(RequestFields fields)
    {
        if (fields.Value("stop") is not { } stop) return [];
        JsonElement[] texts = stop.ValueKind == JsonValueKind.Array ? [.. stop.EnumerateArray()] : [stop];
        if (texts.Length > MostStops || texts.Any(t => t.ValueKind != JsonValueKind.String || RequestFields.TextOf(t, "stop").Length == 0))
            throw fields.Wrong("stop", stop, $"a text, or a list of up to {MostStops}, none of them empty");
        return [.. texts.Select(t => t.GetString()!)];
    }

    private static bool ReadIncludeUsage(RequestFields fields, bool stream)
    {
        if (fields.Value("stream_options") is not { } given) return false;
        if (given.ValueKind != JsonValueKind.Object) throw fields.Wrong("stream_options", given, "an object, e.g. {\"include_usage\": true}");
        if (!stream) throw RequestException.Bad("stream_options only goes with \"stream\": true.", "stream_options");
        var options = new RequestFields(given, "stream_options.");
        options.RefuseOthers(["include_usage"], new Dictionary<string, Func<JsonElement, bool>>
        {
            // Padding against eavesdroppers who count bytes: none is added.
            ["include_obfuscation"] = value => value.ValueKind == JsonValueKind.False,
        });
        return options.Flag("include_usage");
    }
}
