using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>What a model folder says of its special tokens outside tokenizer.json; every file of it may be absent.</summary>
internal sealed record SpecialTokens(JsonElement Configuration, string? Bos, string? Eos, string? Pad, string? Unknown, IReadOnlyList<int> EndIds)
{
    private static readonly JsonElement EmptyObject = JsonSerializer.SerializeToElement(new { });

    public static SpecialTokens Read(string modelFolder)
    {
        var configuration = JsonFile.ReadOptional(modelFolder, "tokenizer_config.json");
        var map = JsonFile.ReadOptional(modelFolder, "special_tokens_map.json");
        return new SpecialTokens(
            configuration?.Expect(JsonValueKind.Object) ?? EmptyObject,
            Token("bos_token"),
            Token("eos_token"),
            Token("pad_token"),
            Token("unk_token"),
            ModelVocabulary.EndIdsOf(modelFolder));

        string? Token(string name) => ContentOf(configuration?[name]) ?? ContentOf(map?[name]);
    }

    /// <summary>A token is written as its text, or as an object with its text and flags.</summary>
    private static string? ContentOf(JsonComponent? component) => component switch
    {
        null or { IsNull: true } => null,
        { IsObject: true } token => token["content"].AsString(),
        { } token => token.AsString(),
    };
}
