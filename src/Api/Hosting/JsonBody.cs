using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using TrainingService.Api.Errors;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Hosting;

/// <summary>Reads small JSON bodies exactly: what is of the wrong type or unknown is named in the API's words, not C#'s.</summary>
internal static class JsonBody
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    /// <summary>The body, or why there is none.</summary>
    public static async Task<(T? Body, ApiError? Error)> ReadAsync<T>(HttpRequest http, CancellationToken cancellationToken) where T : class
    {
        if (!http.HasJsonContentType()) return (null, ApiError.UnsupportedMediaType(http.ContentType));
        try
        {
            return await JsonSerializer.DeserializeAsync<T>(http.Body, s_json, cancellationToken) is { } body
                ? (body, null)
                : (null, ApiError.BadRequest("The request's body is null; it must be a JSON object."));
        }
        catch (JsonException e)
        {
            return (null, Explain(typeof(T), e));
        }
        catch (InvalidOperationException e)
        {
            // Half a surrogate pair is found only when the text is read.
            return (null, ApiError.BadRequest($"The request's body is not valid JSON: {e.Message}"));
        }
    }

    private static ApiError Explain(Type type, JsonException exception)
    {
        string field = (exception.Path ?? "").TrimStart('$', '.').Split('.', '[')[0];
        if (field.Length == 0) return ApiError.BadRequest("The request's body must be one valid JSON object whose fields are each given once.");
        IList<JsonPropertyInfo> known = s_json.GetTypeInfo(type).Properties;
        if (known.FirstOrDefault(p => p.Name == field) is { } property)
            return ApiError.BadRequest($"{field} must be {Kind(property.PropertyType)}.", field);
        string hint = WireNames.Nearest(field, [.. known.Select(p => p.Name)]) is { } nearest ? $"Did you mean '{nearest}'?" : $"Known are {string.Join(", ", known.Select(p => p.Name))}.";
        return ApiError.BadRequest($"The request has no field '{field}'. {hint}", field);
    }

    private static string Kind(Type type) =>
        type == typeof(string) ? "text"
        : type == typeof(long?) || type == typeof(int?) ? "a whole number"
        : type == typeof(bool?) ? "true or false"
        : type == typeof(IReadOnlyList<string>) ? "a list of texts"
        : "an object of the fields that the API's description names";
}
