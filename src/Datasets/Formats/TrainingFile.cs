namespace TrainingService.Datasets.Formats;

/// <summary>A file of preference pairs in JSON Lines, in any of the shapes of <see cref="PreferenceFormat"/>.</summary>
public static class TrainingFile
{
    /// <summary>
    /// Reads the whole file and finds every row that cannot be trained on. Memory does not grow with the file, and the
    /// stream is read to its end even when the first bytes already condemn it, so that an upload may pass through.
    /// </summary>
    public static async Task<TrainingFileCheck> CheckAsync(Stream stream, CancellationToken cancellationToken)
    {
        var tally = new TrainingFileTally();
        using var lines = new LineBuffer();
        var rows = new RowReader(lines);
        while (!lines.Ended)
        {
            lines.Filled(await stream.ReadAsync(lines.Free(), cancellationToken));
            while (rows.TryRead()) tally.Add(rows.Notes);
        }
        return tally.Finish(rows.Format);
    }

    /// <summary>Reads the pairs of a file that was checked before, one at a time.</summary>
    /// <exception cref="TrainingFileException">A row is bad after all.</exception>
    public static IEnumerable<PreferencePair> Read(Stream stream)
    {
        using var lines = new LineBuffer();
        var rows = new RowReader(lines);
        while (!lines.Ended)
        {
            lines.Filled(stream.Read(lines.Free().Span));
            while (rows.TryRead())
                yield return rows.Pair ?? throw new TrainingFileException(rows.Notes.Problem!);
        }
    }
}
