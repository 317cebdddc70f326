using System.Text;
using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>tokenizer.json: added tokens, normalizer, pre-tokenizer, model, post-processor and decoder.</summary>
internal sealed class TokenizerPipeline
{
    /// <summary>The file of a model that this is read from.</summary>
    public const string FileName = "tokenizer.json";

    private readonly Normalizer _normalizer;
    private readonly PreTokenizer _preTokenizer;
    private readonly PostProcessor _postProcessor;
    private readonly AddedTokenFinder _foundInText;
    private readonly AddedTokenFinder _foundInNormalizedText;

    private TokenizerPipeline(string modelFolder, JsonComponent file)
    {
        var model = file["model"];
        // Files of before 2020 leave the type out.
        Model = model["type"].IsNull ? new BytePairEncoder(model) : model.Type switch
        {
            "BPE" => new BytePairEncoder(model),
            "Unigram" => new UnigramEncoder(model),
            _ => throw model.NotUnderstood("BPE, Unigram"),
        };
        AddedTokens = file["added_tokens"].IsNull ? [] : [.. file["added_tokens"].Items().Select(AddedToken.Read)];
        var (normalizer, preTokenizer) = TokenizerClassRules.Apply(modelFolder, file);
        _normalizer = Normalizers.Read(normalizer);
        _preTokenizer = PreTokenizers.Read(preTokenizer);
        _postProcessor = PostProcessor.Read(file["post_processor"]);
        Decoders = TokenDecoders.Read(file["decoder"]);
        _foundInText = new AddedTokenFinder(AddedTokens.Where(token => !token.Normalized).Select(token => (token.Content, token)));
        _foundInNormalizedText = new AddedTokenFinder(
            AddedTokens.Where(token => token.Normalized).Select(token => (_normalizer(token.Content), token)));
    }

    public ITokenModel Model { get; }

    public IReadOnlyList<AddedToken> AddedTokens { get; }

    public TokenDecoders Decoders { get; }

    public static TokenizerPipeline Read(string modelFolder)
    {
        var file = Path.Combine(modelFolder, FileName);
        if (!File.Exists(file))
        {
            throw new TokenizerFormatException(file, "the whole file",
                "does not exist; older models hold only tokenizer.model, and transformers' AutoTokenizer.save_pretrained writes tokenizer.json from it");
        }
        try
        {
            return new TokenizerPipeline(modelFolder, JsonFile.Read(file));
        }
        catch (InvalidOperationException exception)
        {
            // What JsonElement says of an escaped unpaired surrogate, here in the vocabulary or the merges.
            throw new TokenizerFormatException(file, "model", $"holds a token that is not Unicode: {exception.Message}", exception);
        }
    }

    public int[] Encode(string text, bool addSpecialTokens)
    {
        text = ReplaceUnpairedSurrogates(text);
        List<int> ids = [];
        List<TextPiece> words = [];
        ids.AddRange(addSpecialTokens ? _postProcessor.Before : []);
        foreach (var (start, end, id) in _foundInText.Split(text))
        {
            if (id is { } tokenId)
            {
                ids.Add(tokenId);
                continue;
            }
            var normalized = _normalizer(text[start..end]);
            foreach (var (innerStart, innerEnd, innerId) in _foundInNormalizedText.Split(normalized))
            {
                if (innerId is { } innerTokenId)
                {
                    ids.Add(innerTokenId);
                    continue;
                }
                words.Clear();
                _preTokenizer(new TextPiece(normalized.AsMemory(innerStart, innerEnd - innerStart), start + innerStart == 0), words);
                foreach (var word in words)
                {
                    Model.Encode(word.Text.Span, ids);
                }
            }
        }
        ids.AddRange(addSpecialTokens ? _postProcessor.After : []);
        return [.. ids];
    }

    private static string ReplaceUnpairedSurrogates(string text) =>
        text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)) : text;
}
