using System.Text;
using System.Text.Json;
using TrainingService.Datasets.Formats;
using TrainingService.Inference.Errors;
using TrainingService.Inference.Requests;

namespace TrainingService.Inference.Chat;

/// <summary>A conversation to be answered.</summary>
internal sealed record ChatRequest(string Model, IReadOnlyList<ChatMessage> Messages, AnswerSettings Settings)
{
    private const int MostTopLogProbs = 20;

    private static readonly string[] s_fields =
        ["model", "messages", .. AnswerSettings.Fields, "max_tokens", "max_completion_tokens", "logprobs", "top_logprobs"];

    private static readonly Dictionary<string, Func<JsonElement, bool>> s_unsupported = new(AnswerSettings.Unsupported)
    {
        ["tools"] = AnswerSettings.IsEmpty,
        ["tool_choice"] = value => IsText(value, "none", "auto"),
        ["parallel_tool_calls"] = _ => false,
        ["functions"] = AnswerSettings.IsEmpty,
        ["function_call"] = value => IsText(value, "none", "auto"),
        ["response_format"] = value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out JsonElement type) && IsText(type, "text"),
        ["modalities"] = value => value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(m => IsText(m, "text")),
        ["audio"] = _ => false,
        ["prediction"] = _ => false,
        ["reasoning_effort"] = value => IsText(value, "none"),
        ["verbosity"] = value => IsText(value, "medium"),
        ["web_search_options"] = _ => false,
        ["service_tier"] = value => IsText(value, "auto", "default"),
        ["store"] = value => value.ValueKind == JsonValueKind.False,
        // These say who asks and what for; answers do not depend on them.
        ["metadata"] = _ => true,
        ["safety_identifier"] = _ => true,
        ["prompt_cache_key"] = _ => true,
        ["prompt_cache_retention"] = _ => true,
    };

    private static readonly string[] s_messageFields = ["role", "content", "name"];

    private static readonly Dictionary<string, Func<JsonElement, bool>> s_unsupportedOfMessage = new()
    {
        ["tool_calls"] = AnswerSettings.IsEmpty,
        ["tool_call_id"] = _ => false,
        ["function_call"] = _ => false,
        ["audio"] = _ => false,
        ["refusal"] = _ => false,
        ["annotations"] = AnswerSettings.IsEmpty,
    };

    public static ChatRequest Read(JsonElement body)
    {
        var fields = new RequestFields(body);
        fields.RefuseOthers(s_fields, s_unsupported);
        return new(fields.RequiredText("model", "the id of a model that GET /v1/models lists"), ReadMessages(fields),
            AnswerSettings.Read(fields) with { MaxTokens = ReadMaxTokens(fields), TopLogProbs = ReadLogProbs(fields) });
    }

    private static int? ReadMaxTokens(RequestFields fields)
    {
        int? old = fields.Integer("max_tokens", 1, int.MaxValue), current = fields.Integer("max_completion_tokens", 1, int.MaxValue);
        if (old is not null && current is not null && old != current)
            throw RequestException.Bad("max_tokens and max_completion_tokens differ, and both limit the answer; give one of them.", "max_tokens");
        return current ?? old;
    }

    private static int? ReadLogProbs(RequestFields fields)
    {
        int? top = fields.Integer("top_logprobs", 0, MostTopLogProbs);
        if (fields.Flag("logprobs")) return top ?? 0;
        if (top is not null) throw RequestException.Bad("top_logprobs only goes with \"logprobs\": true.", "top_logprobs");
        return null;
    }

    private static ChatMessage[] ReadMessages(RequestFields fields)
    {
        const string Expected = "a list of at least one message, e.g. [{\"role\": \"user\", \"content\": \"Hello\"}]";
        JsonElement messages = fields.Value("messages")
            ?? throw RequestException.Bad($"messages is missing; give {Expected}.", "messages", "missing_required_parameter");
        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0) throw fields.Wrong("messages", messages, Expected);
        return [.. messages.EnumerateArray().Select(ReadMessage)];
    }

    private static ChatMessage ReadMessage(JsonElement message, int index)
    {
        string path = $"messages[{index}]";
        if (message.ValueKind != JsonValueKind.Object) throw RequestException.Bad($"{path} must be an object with role and content.", path);
        var fields = new RequestFields(message, path + ".");
        fields.RefuseOthers(s_messageFields, s_unsupportedOfMessage);
        string role = fields.RequiredText("role", "system, user or assistant");
        // Templates know OpenAI's newer name under the older one.
        if (role == "developer") role = "system";
        if (role is not ("system" or "user" or "assistant"))
            throw fields.Wrong("role", fields.Value("role")!.Value, "\"system\", \"user\" or \"assistant\"; tools are not supported here");
        var turn = new OrderedDictionary<string, object?> { ["role"] = role, ["content"] = ReadContent(fields, path + ".content") };
        if (fields.Value("name") is not null) turn["name"] = fields.RequiredText("name", "a text");
        return new(turn);
    }

    /// <summary>A text, or the texts of a list of parts, joined as they are.</summary>
    private static string ReadContent(RequestFields message, string path)
    {
        JsonElement content = message.Value("content") ?? throw RequestException.Bad($"{path} is missing; give a text, or a list of parts of the type text.", path);
        if (content.ValueKind == JsonValueKind.String) return RequestFields.TextOf(content, path);
        if (content.ValueKind != JsonValueKind.Array || content.GetArrayLength() == 0)
            throw message.Wrong("content", content, "a text, or a list of parts, e.g. [{\"type\": \"text\", \"text\": \"Hello\"}]");
        var text = new StringBuilder();
        foreach ((int index, JsonElement part) in content.EnumerateArray().Index())
        {
            if (part.ValueKind != JsonValueKind.Object) throw RequestException.Bad($"{path}[{index}] must be an object with type and text.", $"{path}[{index}]");
            var fields = new RequestFields(part, $"{path}[{index}].");
            string type = fields.RequiredText("type", "\"text\"");
            if (type != "text") throw fields.Wrong("type", fields.Value("type")!.Value, "\"text\": the models here read nothing else");
            text.Append(fields.RequiredText("text", "the part's text"));
        }
        return text.ToString();
    }

    private static bool IsText(JsonElement value, params ReadOnlySpan<string> texts)
    {
        if (value.ValueKind != JsonValueKind.String) return false;
        foreach (string text in texts)
            if (value.ValueEquals(text)) return true;
        return false;
    }
}
