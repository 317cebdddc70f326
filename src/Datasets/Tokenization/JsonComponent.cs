using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>A value in a JSON file together with where it stands, so that every error can say so.</summary>
internal readonly struct JsonComponent(string file, string path, JsonElement element)
{
    public string Path => path;

    public bool IsNull => element.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public bool IsObject => element.ValueKind == JsonValueKind.Object;

    public bool IsArray => element.ValueKind == JsonValueKind.Array;

    public string Type => this["type"].AsString();

    /// <summary>A member; one that is absent reads as null.</summary>
    public JsonComponent this[string name]
    {
        get
        {
            if (element.ValueKind != JsonValueKind.Object)
            {
                throw Error($"is {Kind}, expected an object");
            }
            return new JsonComponent(file, path.Length == 0 ? name : $"{path}.{name}", element.TryGetProperty(name, out var member) ? member : default);
        }
    }

    public IEnumerable<JsonComponent> Items()
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            throw Error($"is {Kind}, expected a list");
        }
        var index = 0;
        foreach (var item in element.EnumerateArray())
        {
            yield return new JsonComponent(file, $"{path}[{index++}]", item);
        }
    }

    /// <summary>The bare element, for the lists of a hundred thousand members where a path for each would cost too much.</summary>
    public JsonElement Expect(JsonValueKind kind) =>
        element.ValueKind == kind ? element : throw Error($"is {Kind}, expected {kind.ToString().ToLowerInvariant()}");

    public string AsString()
    {
        try
        {
            return Expect(JsonValueKind.String).GetString()!;
        }
        catch (InvalidOperationException exception)
        {
            throw Error("is not Unicode: it holds half of a surrogate pair", exception);
        }
    }

    public string? AsOptionalString() => IsNull ? null : AsString();

    public int AsInt32() =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var number) && number is >= 0 and < int.MaxValue
            ? number
            : throw Error($"is {Kind}, expected a whole number from 0 to {int.MaxValue - 1}");

    public bool AsBoolean(bool whenAbsent) => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => whenAbsent,
        _ => throw Error($"is {Kind}, expected true or false"),
    };

    public TokenizerFormatException Error(string problem, Exception? cause = null) =>
        new(file, path.Length == 0 ? "the whole file" : path, problem, cause);

    public TokenizerFormatException NotUnderstood(string known) => Error($"the type '{Type}' is not understood (known: {known})");

    private string Kind => element.ValueKind switch
    {
        JsonValueKind.Undefined => "missing",
        JsonValueKind.Null => "null",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => $"the number {element.GetRawText()}",
        _ => element.GetRawText(),
    };
}
