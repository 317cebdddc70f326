using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>What a model folder says of its special tokens outside tokenizer.json; every file of it may be absent.</summary>
internal sealed record SpecialTokens(JsonElement Configuration, string? Bos, string? Eos, string? Pad, string? Unknown, int[] EndIds)
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
            [.. EndIds("generation_config.json").Concat(EndIds("config.json")).Distinct()]);

        string? Token(string name) => ContentOf(configuration?[name]) ?? ContentOf(map?[name]);

        IEnumerable<int> EndIds(string fileName) => JsonFile.ReadOptional(modelFolder, fileName)?["eos_token_id"] switch
        {
            null or { IsNull: true } => [],
            { IsArray: true } ids => ids.Items().Select(id => id.AsInt32()),
            { } id => [id.AsInt32()],
        };
    }

    /// <summary>A token is written as its text, or as an object with its text and flags.</summary>
    private static string? ContentOf(JsonComponent? component) => component switch
    {
        null or { IsNull: true } => null,
        { IsObject: true } token => token["content"].AsString(),
        { } token => token.AsString(),
    };
}
