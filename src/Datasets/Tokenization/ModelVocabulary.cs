namespace TrainingService.Datasets.Tokenization;

/// <summary>What a model's folder says of its token ids, whether or not it comes with a tokenizer.</summary>
public static class ModelVocabulary
{
    /// <summary>Ids that end a text: <c>eos_token_id</c> of generation_config.json and config.json.</summary>
    /// <exception cref="TokenizerFormatException">They are no ids.</exception>
    public static IReadOnlyList<int> EndIdsOf(string modelFolder)
    {
        return [.. EndIds("generation_config.json").Concat(EndIds("config.json")).Distinct()];

        IEnumerable<int> EndIds(string fileName) => JsonFile.ReadOptional(modelFolder, fileName)?["eos_token_id"] switch
        {
            null or { IsNull: true } => [],
            { IsArray: true } ids => ids.Items().Select(id => id.AsInt32()),
            { } id => [id.AsInt32()],
        };
    }

    /// <summary><c>vocab_size</c> of config.json; null where it does not say.</summary>
    internal static int? SizeOf(string modelFolder) =>
        JsonFile.ReadOptional(modelFolder, "config.json")?["vocab_size"] is { IsNull: false } size ? size.AsInt32() : null;
}
