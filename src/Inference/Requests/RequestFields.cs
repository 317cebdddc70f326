using System.Text.Json;
using Microsoft.AspNetCore.Http;
using TrainingService.Domain.Errors;
using TrainingService.Domain.Recipes;
using TrainingService.Inference.Errors;

namespace TrainingService.Inference.Requests;

/// <summary>The fields of a request, read exactly: what is unknown, unsupported or out of range is an error that names it.</summary>
/// <param name="json">A JSON object.</param>
/// <param name="path">Path of the object in the request, with a dot at the end; empty for the request itself.</param>
internal sealed class RequestFields(JsonElement json, string path = "")
{
    private static readonly JsonDocumentOptions s_json = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a request's body.</summary>
    /// <exception cref="RequestException">It is no JSON object.</exception>
    public static async Task<JsonDocument> ReadBodyAsync(HttpRequest request)
    {
        if (!request.HasJsonContentType())
            throw new RequestException(StatusCodes.Status415UnsupportedMediaType,
                $"{(string.IsNullOrEmpty(request.ContentType) ? "The request has no Content-Type" : $"Content-Type '{request.ContentType}' is not what this endpoint reads")}: it reads application/json.");
        JsonDocument body;
        try
        {
            body = await JsonDocument.ParseAsync(request.Body, s_json, request.HttpContext.RequestAborted);
        }
        catch (JsonException e)
        {
            throw RequestException.Bad($"The request's body is not valid JSON: {e.Message}");
        }
        if (body.RootElement.ValueKind == JsonValueKind.Object) return body;
        body.Dispose();
        throw RequestException.Bad("The request's body must be a JSON object.");
    }

    /// <summary>Refuses fields that are not read.</summary>
    /// <param name="known">The fields that are read.</param>
    /// <param name="unsupported">Fields of OpenAI's API that have no effect here, each with the test that its value asks for none.</param>
    public void RefuseOthers(IReadOnlyCollection<string> known, IReadOnlyDictionary<string, Func<JsonElement, bool>> unsupported)
    {
        foreach (JsonProperty property in json.EnumerateObject())
        {
            string name = NameOf(property);
            if (known.Contains(name)) continue;
            string shown = Excerpt.Of(name);
            if (!unsupported.TryGetValue(name, out Func<JsonElement, bool>? isNeutral))
                throw RequestException.Bad(
                    $"{(path.Length == 0 ? "The request" : path.TrimEnd('.'))} has no field '{shown}'. {(WireNames.Nearest(name, known) is { } nearest ? $"Did you mean '{nearest}'?" : $"Known are {string.Join(", ", known)}.")}",
                    path + name, "unknown_parameter");
            if (property.Value.ValueKind != JsonValueKind.Null && !isNeutral(property.Value))
                throw RequestException.Bad($"{path}{shown} is not supported here: it is {Shown(property.Value)}. Leave it out.", path + name, "unsupported_parameter");
        }
    }

    /// <summary>A field's value; null when it is absent or null.</summary>
    public JsonElement? Value(string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>A text that must be there.</summary>
    public string RequiredText(string name, string expected)
    {
        JsonElement value = Value(name) ?? throw RequestException.Bad($"{path}{name} is missing; give {expected}.", path + name, "missing_required_parameter");
        return value.ValueKind == JsonValueKind.String ? TextOf(value, path + name) : throw Wrong(name, value, expected);
    }

    /// <summary>A number, or null.</summary>
    public double? Number(string name, double least, double most)
    {
        if (Value(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most
            ? number : throw Wrong(name, value, $"a number from {least} to {most}");
    }

    /// <summary>A whole number, or null. Some SDKs send every number as a double: 7.0 is one too.</summary>
    public int? Integer(string name, int least, int most)
    {
        if (Value(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= least && number <= most && number == Math.Floor(number)
            ? (int)number : throw Wrong(name, value, most == int.MaxValue ? $"a whole number of at least {least}" : $"a whole number from {least} to {most}");
    }

    /// <summary>A whole number of 64 bits, or null.</summary>
    public long? Long(string name)
    {
        if (Value(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : throw Wrong(name, value, "a whole number of 64 bits");
    }

    /// <summary>True or false; false when it is absent.</summary>
    public bool Flag(string name) => Value(name) is { } value && value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(name, value, "true or false"),
    };

    /// <summary>The error of a value that is not what it must be.</summary>
    public RequestException Wrong(string name, JsonElement value, string expected) =>
        RequestException.Bad($"{path}{name} is {Shown(value)}; it must be {expected}.", path + name);

    /// <summary>The text of a JSON string.</summary>
    /// <exception cref="RequestException">It is an escape of half a character.</exception>
    public static string TextOf(JsonElement value, string param)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw RequestException.Bad($"{param} holds the escape of half a character (an unpaired surrogate), which is no text.", param);
        }
    }

    private static string NameOf(JsonProperty property)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException)
        {
            throw RequestException.Bad("A field's name holds the escape of half a character (an unpaired surrogate), which is no text.");
        }
    }

    private static string Shown(JsonElement value) => Excerpt.Of(value.GetRawText());
}
