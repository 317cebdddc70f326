using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Containers;

/// <summary>The bytes of one row: its JSON object, or what keeps it from being one.</summary>
internal static class JsonRow
{
    /// <summary>No chat row nests deeply; the bound keeps a hostile one from costing a stack.</summary>
    public const int MaxDepth = 64;

    /// <summary>System.Text.Json answers it with an InvalidOperationException wherever it is met.</summary>
    public const string HalfSurrogatePair = "A text holds half of a surrogate pair (an escape such as \\ud83d without its other half), which is no character; remove it.";

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>The row's object; null when there is a problem. Its owner disposes it before the row's bytes change.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> row, long number, bool isCutOff, out RowProblem? problem)
    {
        problem = Undecodable(row.Span) is { } undecodable ? new(number, "", undecodable) : null;
        if (problem is not null) return null;
        try
        {
            JsonDocument document = JsonDocument.Parse(row, s_options);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
            problem = new(number, "", $"A JSON object is expected for every row, not {Json.Kind(document.RootElement)}.");
            document.Dispose();
        }
        catch (JsonException exception)
        {
            (string field, string reason) = FaultOf(row.Span, isCutOff, exception);
            problem = new(number, field, reason);
        }
        catch (InvalidOperationException)
        {
            problem = new(number, "", HalfSurrogatePair);
        }
        return null;
    }

    /// <summary>Why bytes are no text in UTF-8; null when they are.</summary>
    public static string? Undecodable(ReadOnlySpan<byte> row)
    {
        if (!Utf8.IsValid(row))
            return $"The bytes are not valid UTF-8 from byte {FirstInvalidByte(row) + 1} of the row on; the file may be in Latin-1 or Windows-1252: save it as UTF-8.";
        return row.IndexOf((byte)0) is var nul and >= 0 ? $"There is a NUL byte at byte {nul + 1} of the row: the file is damaged or not UTF-8." : null;
    }

    // "… LineNumber: 0 | BytePositionInLine: 5." says little of a file whose row is already named.
    public static string WithoutPosition(string message) =>
        message.IndexOf(" LineNumber:", StringComparison.Ordinal) is var at and >= 0 ? message[..at] : message;

    private static (string Field, string Reason) FaultOf(ReadOnlySpan<byte> row, bool isCutOff, JsonException exception)
    {
        // The reader takes duplicated names, so whatever it rejects is the syntax; what it finds unfinished was cut.
        Utf8JsonReader reader = Reader(row);
        try
        {
            while (reader.Read())
                if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= MaxDepth)
                    return ("", $"The JSON is nested more than {MaxDepth} levels deep.");
        }
        catch (JsonException syntax)
        {
            return ("", $"The row is not valid JSON at byte {syntax.BytePositionInLine + 1}: {WithoutPosition(syntax.Message)}");
        }
        if (DuplicateName(row) is { } path) return (path, "The field is given twice; keep one of them.");
        if (isCutOff) return ("", "The file seems cut off: its last line ends in the middle of a row. Upload it again in full.");
        return reader.CurrentDepth > 0 || reader.TokenType == JsonTokenType.None
            ? ("", "The line ends in the middle of a JSON value; every row must stand on one line.")
            : ("", $"The row is not valid JSON: {WithoutPosition(exception.Message)}");
    }

    /// <summary>The path of the first name that its object already has.</summary>
    private static string? DuplicateName(ReadOnlySpan<byte> row)
    {
        Utf8JsonReader reader = Reader(row);
        var open = new Stack<(HashSet<string> Names, string Path)>();
        string name = "";
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray:
                    string parent = open.Count == 0 ? "" : open.Peek().Path;
                    open.Push(([], name.Length == 0 ? parent : parent.Length == 0 ? name : $"{parent}.{name}"));
                    name = "";
                    break;
                case JsonTokenType.EndObject or JsonTokenType.EndArray:
                    open.Pop();
                    name = "";
                    break;
                case JsonTokenType.PropertyName:
                    name = Unescaped(ref reader);
                    (HashSet<string> names, string path) = open.Peek();
                    if (!names.Add(name)) return path.Length == 0 ? name : $"{path}.{name}";
                    break;
            }
        }
        return null;
    }

    private static Utf8JsonReader Reader(ReadOnlySpan<byte> row) => new(row, isFinalBlock: false, new JsonReaderState(new() { MaxDepth = MaxDepth + 1 }));

    private static string Unescaped(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return Encoding.UTF8.GetString(reader.ValueSpan);
        }
    }

    private static int FirstInvalidByte(ReadOnlySpan<byte> row)
    {
        int valid = 0;
        while (Rune.DecodeFromUtf8(row[valid..], out _, out int consumed) == System.Buffers.OperationStatus.Done) valid += consumed;
        return valid;
    }
}
