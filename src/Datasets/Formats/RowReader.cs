using System.Text.Json;
using TrainingService.Datasets.Containers;

namespace TrainingService.Datasets.Formats;

/// <summary>Reads a container's rows one by one, all in the shape of the first that has a known one.</summary>
internal sealed class RowReader
{
    private RowShape? _shape;

    /// <summary>The shape of the file's rows, once one was recognised.</summary>
    public PreferenceFormat? Format => _shape?.Format;

    /// <summary>The pair of the row last read; null when it is bad.</summary>
    public PreferencePair? Pair { get; private set; }

    /// <summary>What was found in the row last read.</summary>
    public RowNotes Notes { get; } = new();

    /// <summary>Reads a row. A fault of the whole file comes as a bad row 0.</summary>
    public void Read(ContainerRow row)
    {
        Notes.Begin(row.Number);
        try
        {
            Pair = row.Problem is { } problem ? Notes.Fail<PreferencePair>(problem.Field, problem.Reason) : Read(row.Value);
        }
        catch (InvalidOperationException)
        {
            Pair = Notes.Fail<PreferencePair>("", JsonRow.HalfSurrogatePair);
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
