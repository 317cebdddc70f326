namespace TrainingService.Datasets.Tokenization;

/// <summary>tokenizer.json's <c>model</c>: words to ids. Threads may share one.</summary>
internal interface ITokenModel
{
    /// <summary>The id of every token, added tokens aside.</summary>
    IReadOnlyDictionary<string, int> Vocabulary { get; }

    /// <summary>Appends the ids of one word.</summary>
    void Encode(ReadOnlySpan<char> word, List<int> ids);
}
