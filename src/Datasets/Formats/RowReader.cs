using System.Text;
using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>Reads a JSON Lines file's rows one by one, all in the shape of the first that has a known one.</summary>
internal sealed class RowReader(LineBuffer lines)
{
    private RowShape? _shape;
    private bool _begun, _condemned;

    /// <summary>The shape of the file's rows, once one was recognised.</summary>
    public PreferenceFormat? Format => _shape?.Format;

    /// <summary>The pair of the row last read; null when it is bad.</summary>
    public PreferencePair? Pair { get; private set; }

    /// <summary>What was found in the row last read.</summary>
    public RowNotes Notes { get; } = new();

    /// <summary>Reads the next row among the bytes at hand. A fault of the whole file ends the reading as a bad row 0.</summary>
    public bool TryRead()
    {
        while (lines.TryTake(out ReadOnlyMemory<byte> line))
        {
            if (lines.Line == 1 && line.Span.StartsWith(Encoding.UTF8.Preamble)) line = line[Encoding.UTF8.Preamble.Length..];
            if (_condemned || JsonLine.IsBlank(line.Span)) continue;
            string? fault = _begun ? null : JsonLine.FaultOfFile(line.Span);
            (_begun, _condemned) = (true, fault is not null);
            Notes.Begin(fault is null ? lines.Line : 0);
            Pair = fault is null ? Read(line) : Notes.Fail<PreferencePair>("", fault);
            return true;
        }
        return false;
    }

    private PreferencePair? Read(ReadOnlyMemory<byte> line)
    {
        if (lines.TooLong) return Notes.Fail<PreferencePair>("", $"The line is longer than {LineBuffer.MaxLineBytes >> 20} MiB; are the rows on lines of their own?");
        try
        {
            using JsonDocument? document = JsonLine.Parse(line, isLastUnterminated: !lines.Terminated, Notes);
            return document is null ? null : Read(document.RootElement);
        }
        catch (InvalidOperationException) // System.Text.Json's answer to half a surrogate pair, wherever it is met
        {
            return Notes.Fail<PreferencePair>("", "A text holds half of a surrogate pair (an escape such as \\ud83d without its other half), which is no character; remove it.");
        }
    }

    private PreferencePair? Read(JsonElement row)
    {
        RowShape? shape = RowShape.Recognise(row);
        if (shape is null) return Notes.Fail<PreferencePair>("", RowShape.Unrecognised(row));
        _shape ??= shape;
        if (shape != _shape)
            return Notes.Fail<PreferencePair>("", $"The row is in {shape.Description}, but the file began in {_shape.Description}; a file has one shape.");
        foreach (JsonProperty property in row.EnumerateObject())
            if (!shape.Fields.Any(property.NameEquals)) Notes.Warn($"The field '{property.Name}' is not used.");
        return shape.Read(row, Notes);
    }
}
