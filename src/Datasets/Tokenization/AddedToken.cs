namespace TrainingService.Datasets.Tokenization;

/// <summary>A token beside the model's vocabulary, found in the text before anything else happens to it.</summary>
internal sealed record AddedToken(int Id, string Content, bool SingleWord, bool LeftStrip, bool RightStrip, bool Normalized, bool Special)
{
    public static AddedToken Read(JsonComponent component) => new(
        component["id"].AsInt32(),
        component["content"].AsString(),
        component["single_word"].AsBoolean(false),
        component["lstrip"].AsBoolean(false),
        component["rstrip"].AsBoolean(false),
        component["normalized"].AsBoolean(true),
        component["special"].AsBoolean(false));
}
