using TrainingService.Datasets.Containers;

namespace TrainingService.Datasets.Formats;

/// <summary>
/// A file of preference pairs in any of the shapes of <see cref="PreferenceFormat"/>, as JSON Lines, a JSON array, CSV, TSV or
/// Parquet, plain or compressed.
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
        var rows = new RowReader();
        await foreach (ContainerRow row in container.ReadAsync(cancellationToken))
        {
            rows.Read(row);
            tally.Add(rows.Notes);
        }
        await stream.CopyToAsync(Stream.Null, cancellationToken);
        return tally.Finish(rows.Format, container.Name);
    }

    /// <summary>Reads the pairs of a file that was checked before, one at a time.</summary>
    /// <exception cref="TrainingFileException">A row is bad after all.</exception>
    public static IEnumerable<PreferencePair> Read(Stream stream)
    {
        var rows = new RowReader();
        foreach (ContainerRow row in new Container(new SynchronousStream(stream)).ReadAsync(CancellationToken.None).ToBlockingEnumerable())
        {
            rows.Read(row);
            yield return rows.Pair ?? throw new TrainingFileException(rows.Notes.Problem!);
        }
    }
}
