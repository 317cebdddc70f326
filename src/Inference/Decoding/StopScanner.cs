namespace TrainingService.Inference.Decoding;

/// <summary>Finds the first stop text in a text that arrives in parts; holds back what could be the beginning of one.</summary>
internal sealed class StopScanner(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <summary>Whether a stop text was found: nothing more is taken.</summary>
    public bool Found { get; private set; }

    /// <summary>Takes more text and returns what is certain now: all of it up to the stop text once one is found.</summary>
    public string Append(string text)
    {
        string all = _held + text;
        int end = stops.Select(s => all.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(-1).Min();
        Found = end >= 0;
        if (!Found) end = all.Length - stops.Select(s => BeginningAtEnd(all, s)).DefaultIfEmpty(0).Max();
        _held = Found ? "" : all[end..];
        return all[..end];
    }

    /// <summary>No text follows: returns what was held back.</summary>
    public string Flush() => _held;

    /// <summary>Length of the longest beginning of a stop text that the text ends with.</summary>
    private static int BeginningAtEnd(string text, string stop)
    {
        for (int length = Math.Min(stop.Length - 1, text.Length); length > 0; length--)
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length))) return length;
        return 0;
    }
}
