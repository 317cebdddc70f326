namespace TrainingService.Datasets.Tokenization;

/// <summary>How many tokens a model knows, whether or not it comes with a tokenizer.</summary>
internal static class ModelVocabulary
{
    /// <summary><c>vocab_size</c> of config.json; null where it does not say.</summary>
    public static int? SizeOf(string modelFolder) =>
        JsonFile.ReadOptional(modelFolder, "config.json")?["vocab_size"] is { IsNull: false } size ? size.AsInt32() : null;
}
