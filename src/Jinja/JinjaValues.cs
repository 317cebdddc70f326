using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace TrainingService.Jinja;

/// <summary>Turns JSON into the values that templates work on.</summary>
public static class JinjaValues
{
    /// <summary>
    /// Objects become dictionaries in the order of their keys, arrays lists, and numbers as Python reads them:
    /// with a point or an exponent a double, otherwise a long (a <see cref="BigInteger"/> beyond its range).
    /// </summary>
    public static object? FromJson(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => FromObject(element),
        JsonValueKind.Array => element.EnumerateArray().Select(FromJson).ToArray(),
        JsonValueKind.String => element.GetString(),
        JsonValueKind.Number => FromNumber(element),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null => null,
        _ => throw new ArgumentException("An undefined JsonElement has no value.", nameof(element)),
    };

    private static OrderedDictionary<string, object?> FromObject(JsonElement element)
    {
        var dictionary = new OrderedDictionary<string, object?>(StringComparer.Ordinal);
        foreach (JsonProperty property in element.EnumerateObject())
            dictionary[property.Name] = FromJson(property.Value);
        return dictionary;
    }

    private static object FromNumber(JsonElement element)
    {
        if (element.TryGetInt64(out long integer))
            return integer;
        string text = element.GetRawText();
        return text.AsSpan().ContainsAny('.', 'e', 'E')
            ? double.Parse(text, CultureInfo.InvariantCulture)
            : BigInteger.Parse(text, CultureInfo.InvariantCulture);
    }
}
