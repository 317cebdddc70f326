using TrainingService.Datasets.Containers;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Formats;

/// <summary>
/// A file of rows to train on, in any of the shapes of <see cref="RowShape"/> or in others with a column mapping, as JSON
/// Lines, a JSON array, CSV, TSV or Parquet, plain or compressed.
/// </summary>
public static class TrainingFile
{
    /// <summary>
    /// Reads the whole file and finds every row that cannot be trained on. Memory does not grow with the file, and the
    /// stream is read to its end even when the first bytes already condemn it, so that an upload may pass through.
    /// </summary>
    public static async Task<TrainingFileCheck> CheckAsync(Stream stream, CancellationToken cancellationToken)
    {
        var tally = new TrainingFileTally();
        var container = new Container(stream);
        var rows = new RowReader(mapping: null);
        await foreach (ContainerRow row in container.ReadAsync(cancellationToken))
        {
            rows.Read(row);
            tally.Add(rows.Notes);
        }
        await stream.CopyToAsync(Stream.Null, cancellationToken);
        return tally.Finish(rows.Shape, container.Name);
    }

    /// <summary>Reads the rows of a file that was checked before, one at a time.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="mapping">Where its columns stand for fields of ours; null where its shape is known.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="TrainingFileException">A row is bad after all, or the mapping does not fit it.</exception>
    public static IEnumerable<TrainingRow> Read(Stream stream, ColumnMapping? mapping = null, CancellationToken cancellationToken = default) =>
        ReadRows(stream, mapping, cancellationToken).Select(row => row.Row);

    /// <summary>The shape that a file's first row has, which all others must have too.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="mapping">Where its columns stand for fields of ours; null tells the shape that it has by itself.</param>
    /// <exception cref="TrainingFileException">It has none: the row's columns are told.</exception>
    public static RowShape ShapeOf(Stream stream, ColumnMapping? mapping) => ReadRows(stream, mapping, CancellationToken.None).First().Shape;

    private static IEnumerable<(TrainingRow Row, RowShape Shape)> ReadRows(Stream stream, ColumnMapping? mapping, CancellationToken cancellationToken)
    {
        var rows = new RowReader(mapping);
        foreach (ContainerRow row in new Container(new SynchronousStream(stream)).ReadAsync(cancellationToken).ToBlockingEnumerable(cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            rows.Read(row);
            yield return (rows.Row ?? throw new TrainingFileException(rows.Notes.Problem!), rows.Shape!);
        }
    }
}
