using System.Text.Json;
using TrainingService.Datasets.Containers;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Formats;

/// <summary>Makes training rows of a container's objects, one by one and all in the shape of the first that has a known one.</summary>
/// <param name="mapping">Where the file's columns stand for fields of ours; null recognises its rows as they are.</param>
internal sealed class RowReader(ColumnMapping? mapping)
{
    private readonly ColumnRenamer? _renamer = mapping is null ? null : new ColumnRenamer(mapping);

    /// <summary>The shape of the file's rows, once one was recognised.</summary>
    public RowShape? Shape { get; private set; }

    /// <summary>The row last read; null when it is bad.</summary>
    public TrainingRow? Row { get; private set; }

    /// <summary>What was found in the row last read.</summary>
    public RowNotes Notes { get; } = new();

    /// <summary>Reads a row. A fault of the whole file comes as a bad row 0.</summary>
    public void Read(ContainerRow row)
    {
        Notes.Begin(row.Number);
        try
        {
            Row = row.Problem is { } problem ? Notes.Fail<TrainingRow>(problem.Field, problem.Reason) : Read(row.Value);
        }
        catch (InvalidOperationException)
        {
            Row = Notes.Fail<TrainingRow>("", JsonRow.HalfSurrogatePair);
        }
    }

    private TrainingRow? Read(JsonElement row)
    {
        if (_renamer is null) return ReadNamed(row);
        using JsonDocument? renamed = _renamer.Rename(row, Notes);
        if (renamed is null) return null;
        TrainingRow? read = ReadNamed(renamed.RootElement);
        Notes.MoveProblem(_renamer.PathInFile);
        return read;
    }

    private TrainingRow? ReadNamed(JsonElement row)
    {
        RowShape? shape = RowShape.Recognise(row, named: _renamer is not null);
        if (shape is null)
        {
            UnknownShape.Note(row, Notes);
            return null;
        }
        Shape ??= shape;
        if (shape != Shape)
            return Notes.Fail<TrainingRow>("", $"The row is in {shape.Description}, but the file began in {Shape.Description}; a file has one shape.");
        foreach (JsonProperty property in row.EnumerateObject())
            if (!shape.Reads(property)) Notes.Warn($"The field '{property.Name}' is not used.");
        TrainingRow? read = shape.Read(row, Notes);
        if (read is LeftOutRow leftOut) Notes.Warn($"The row is left out. {leftOut.Reason}");
        return read;
    }
}
