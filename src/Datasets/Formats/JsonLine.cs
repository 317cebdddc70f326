using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace TrainingService.Datasets.Formats;

/// <summary>One line of a JSON Lines file: its object, or what keeps it from being one.</summary>
internal static class JsonLine
{
    // No chat row nests deeply; the bound keeps a hostile one from costing a stack.
    private const int MaxDepth = 64;

    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Blank lines are skipped: they are what an editor leaves at a file's end.</summary>
    public static bool IsBlank(ReadOnlySpan<byte> line) => line.TrimStart(" \t\r"u8).IsEmpty;

    /// <summary>What the first line's first bytes tell of the file as a whole; null when it may be JSON Lines in UTF-8.</summary>
    public static string? FaultOfFile(ReadOnlySpan<byte> start)
    {
        const string Save = "save it as UTF-8";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE, 0, 0]) || start.StartsWith((ReadOnlySpan<byte>)[0, 0, 0xFE, 0xFF])) return $"The file is in UTF-32; {Save}.";
        if (start.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || start.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF])) return $"The file is in UTF-16; {Save}.";
        if (start.Length >= 4 && start[..4].ContainsAnyExcept((byte)0) && start[..4].Contains((byte)0)) return $"The file is in UTF-16 or UTF-32, or is not text at all; {Save}.";
        if (start.TrimStart(" \t"u8).StartsWith("["u8)) return "The file is a JSON array; a JSON Lines file has one object a line and no brackets around them. Convert it with: jq -c '.[]' rows.json > rows.jsonl";
        return null;
    }

    /// <summary>The line's object; null after a fault was noted. Its owner disposes it before the line's bytes change.</summary>
    public static JsonDocument? Parse(ReadOnlyMemory<byte> line, bool isLastUnterminated, RowNotes notes)
    {
        if (!Utf8.IsValid(line.Span))
        {
            notes.Fail("", $"The bytes are not valid UTF-8 from byte {FirstInvalidByte(line.Span) + 1} of the line on; the file may be in Latin-1 or Windows-1252: save it as UTF-8.");
            return null;
        }
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line, s_options);
        }
        catch (JsonException exception)
        {
            NoteFault(line, isLastUnterminated, exception, notes);
            return null;
        }
        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        notes.Fail("", $"A JSON object is expected on every line, not {Json.Kind(document.RootElement)}.");
        document.Dispose();
        return null;
    }

    private static void NoteFault(ReadOnlyMemory<byte> line, bool isLastUnterminated, JsonException exception, RowNotes notes)
    {
        if (line.Span.IndexOf((byte)0) is var nul and >= 0)
        {
            notes.Fail("", $"There is a NUL byte at byte {nul + 1} of the line: the file is damaged or not UTF-8.");
            return;
        }
        // The reader takes duplicated names, so whatever it rejects is the syntax; what it finds unfinished was cut.
        Utf8JsonReader reader = Reader(line.Span);
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray) || reader.CurrentDepth < MaxDepth) continue;
                notes.Fail("", $"The JSON is nested more than {MaxDepth} levels deep.");
                return;
            }
        }
        catch (JsonException syntax)
        {
            notes.Fail("", $"The line is not valid JSON at byte {syntax.BytePositionInLine + 1}: {WithoutPosition(syntax.Message)}");
            return;
        }
        if (DuplicateName(line.Span) is { } path) notes.Fail(path, "The field is given twice; keep one of them.");
        else if (isLastUnterminated) notes.Fail("", "The file seems cut off: its last line ends in the middle of a row. Upload it again in full.");
        else if (reader.CurrentDepth > 0 || reader.TokenType == JsonTokenType.None) notes.Fail("", "The line ends in the middle of a JSON value; every row must stand on one line.");
        else notes.Fail("", $"The line is not valid JSON: {WithoutPosition(exception.Message)}");
    }

    /// <summary>The path of the first name that its object already has.</summary>
    private static string? DuplicateName(ReadOnlySpan<byte> line)
    {
        Utf8JsonReader reader = Reader(line);
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

    private static Utf8JsonReader Reader(ReadOnlySpan<byte> line) => new(line, isFinalBlock: false, new JsonReaderState(new() { MaxDepth = MaxDepth + 1 }));

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

    private static int FirstInvalidByte(ReadOnlySpan<byte> line)
    {
        int valid = 0;
        while (Rune.DecodeFromUtf8(line[valid..], out _, out int consumed) == System.Buffers.OperationStatus.Done) valid += consumed;
        return valid;
    }

    // "… LineNumber: 0 | BytePositionInLine: 5." says little of a file whose line is already named.
    private static string WithoutPosition(string message) =>
        message.IndexOf(" LineNumber:", StringComparison.Ordinal) is var at and >= 0 ? message[..at] : message;
}
