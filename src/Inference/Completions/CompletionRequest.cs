using System.Text.Json;
using TrainingService.Inference.Errors;
using TrainingService.Inference.Requests;

namespace TrainingService.Inference.Completions;

/// <summary>Texts to be continued.</summary>
internal sealed record CompletionRequest(string Model, IReadOnlyList<CompletionPrompt> Prompts, bool Echo, AnswerSettings Settings)
{
    private const int DefaultMaxTokens = 16;
    private const int MostTopLogProbs = 5;
    private const int MostChoices = 2048;
    private const string Expected = "a text, a list of texts, a list of token ids, or a list of such lists";

    private static readonly string[] s_fields = ["model", "prompt", .. AnswerSettings.Fields, "max_tokens", "echo", "logprobs"];

    private static readonly Dictionary<string, Func<JsonElement, bool>> s_unsupported = new(AnswerSettings.Unsupported)
    {
        ["suffix"] = _ => false,
        ["best_of"] = value => value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number == 1,
    };

    public static CompletionRequest Read(JsonElement body)
    {
        var fields = new RequestFields(body);
        fields.RefuseOthers(s_fields, s_unsupported);
        AnswerSettings settings = AnswerSettings.Read(fields) with
        {
            MaxTokens = fields.Integer("max_tokens", 0, int.MaxValue) ?? DefaultMaxTokens,
            TopLogProbs = fields.Integer("logprobs", 0, MostTopLogProbs),
        };
        var request = new CompletionRequest(fields.RequiredText("model", "the id of a model that GET /v1/models lists"), ReadPrompts(fields), fields.Flag("echo"), settings);
        if (request.Prompts.Count * settings.Answers > MostChoices)
            throw RequestException.Bad($"{request.Prompts.Count} prompts with n = {settings.Answers} make {request.Prompts.Count * settings.Answers} choices; at most {MostChoices} are written for one request.", "prompt");
        return request;
    }

    private static CompletionPrompt[] ReadPrompts(RequestFields fields)
    {
        JsonElement prompt = fields.Value("prompt") ?? throw RequestException.Bad($"prompt is missing; give {Expected}.", "prompt", "missing_required_parameter");
        if (prompt.ValueKind == JsonValueKind.String) return [new(RequestFields.TextOf(prompt, "prompt"), null)];
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0) throw fields.Wrong("prompt", prompt, Expected);
        JsonElement[] entries = [.. prompt.EnumerateArray()];
        if (entries.All(e => e.ValueKind == JsonValueKind.String)) return [.. entries.Select(e => new CompletionPrompt(RequestFields.TextOf(e, "prompt"), null))];
        if (entries.All(e => e.ValueKind == JsonValueKind.Number)) return [new(null, ReadIds(fields, prompt))];
        if (entries.All(e => e.ValueKind == JsonValueKind.Array && e.GetArrayLength() > 0)) return [.. entries.Select(e => new CompletionPrompt(null, ReadIds(fields, e)))];
        throw fields.Wrong("prompt", prompt, Expected);
    }

    private static int[] ReadIds(RequestFields fields, JsonElement list) =>
        [.. list.EnumerateArray().Select(e => e.ValueKind == JsonValueKind.Number && e.TryGetInt32(out int id) ? id : throw fields.Wrong("prompt", list, Expected))];
}

/// <summary>A text to be continued, as text or as token ids.</summary>
internal sealed record CompletionPrompt(string? Text, IReadOnlyList<int>? Ids);
