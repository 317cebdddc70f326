namespace TrainingService.Datasets.Tokenization;

/// <summary>Decodes ids one at a time; the pieces joined equal <see cref="ModelTokenizer.Decode"/> of all ids.</summary>
public sealed class StreamingDecoder
{
    internal StreamingDecoder() { }

    /// <summary>Takes the next id and returns the text that no later id can change (often empty).</summary>
    public string Append(int id) => throw new NotImplementedException();

    /// <summary>Returns the text held back so far.</summary>
    public string Flush() => throw new NotImplementedException();
}
