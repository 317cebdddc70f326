using System.Text;
using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// A model's tokenizer, read from its Hugging Face folder: text to token ids and back, as the <c>tokenizers</c> library does it.
/// Threads may share one.
/// </summary>
public sealed class ModelTokenizer
{
    private readonly TokenizerPipeline _pipeline;
    private readonly SpecialTokens _specialTokens;
    private readonly Dictionary<string, int> _idOfToken = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> _tokenOfId = [];
    private readonly HashSet<int> _specialIds;

    private ModelTokenizer(TokenizerPipeline pipeline, SpecialTokens specialTokens)
    {
        _pipeline = pipeline;
        _specialTokens = specialTokens;
        // Added tokens come last: where they share an id or a text with the vocabulary, they are meant.
        foreach (var (token, id) in pipeline.Model.Vocabulary)
        {
            (_idOfToken[token], _tokenOfId[id]) = (id, token);
        }
        foreach (var added in pipeline.AddedTokens)
        {
            (_idOfToken[added.Content], _tokenOfId[added.Id]) = (added.Id, added.Content);
        }
        _specialIds = [.. pipeline.AddedTokens.Where(token => token.Special).Select(token => token.Id)];
        VocabularySize = _tokenOfId.Count == 0 ? 0 : _tokenOfId.Keys.Max() + 1;
        StopIds = [.. new[] { EosId }.OfType<int>().Concat(specialTokens.EndIds).Distinct()];
    }

    /// <summary>The beginning-of-sequence token, where the folder names one.</summary>
    public string? BosToken => _specialTokens.Bos;

    /// <summary>The end-of-sequence token: as the folder names it, or else the first end id of its generation settings.</summary>
    public string? EosToken => _specialTokens.Eos ?? _specialTokens.EndIds.Select(TokenOf).FirstOrDefault();

    /// <summary>The padding token, where the folder names one.</summary>
    public string? PadToken => _specialTokens.Pad;

    /// <summary>The token for what the vocabulary cannot express, where the folder names one.</summary>
    public string? UnknownToken => _specialTokens.Unknown;

    /// <summary>Id of <see cref="BosToken"/>.</summary>
    public int? BosId => IdOf(BosToken);

    /// <summary>Id of <see cref="EosToken"/>.</summary>
    public int? EosId => IdOf(EosToken);

    /// <summary>Id of <see cref="PadToken"/>.</summary>
    public int? PadId => IdOf(PadToken);

    /// <summary>Ids that end a generation: <see cref="EosId"/> and <c>eos_token_id</c> of generation_config.json and config.json.</summary>
    public IReadOnlyList<int> StopIds { get; }

    /// <summary>Highest id + 1, added tokens included.</summary>
    public int VocabularySize { get; }

    /// <summary>tokenizer_config.json; an empty object when there is none.</summary>
    public JsonElement Configuration => _specialTokens.Configuration;

    /// <summary>Whether a model's folder has a tokenizer.</summary>
    public static bool Exists(string modelFolder) => File.Exists(Path.Combine(modelFolder, TokenizerPipeline.FileName));

    /// <summary>Reads tokenizer.json and, where present, tokenizer_config.json, special_tokens_map.json, generation_config.json and config.json.</summary>
    /// <exception cref="TokenizerFormatException">A file is missing, broken, or asks for something that is not understood.</exception>
    public static ModelTokenizer Load(string modelFolder) =>
        new(TokenizerPipeline.Read(modelFolder), SpecialTokens.Read(modelFolder));

    /// <summary>The ids of a text. Added tokens in it are recognised; unpaired surrogates count as U+FFFD.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="addSpecialTokens">Whether to add what the post-processor puts around a text (often the beginning of sequence).</param>
    public int[] Encode(string text, bool addSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(text);
        return _pipeline.Encode(text, addSpecialTokens);
    }

    /// <summary>The text of ids; unknown ids have none.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens)
    {
        ArgumentNullException.ThrowIfNull(ids);
        var decoder = CreateStreamingDecoder(skipSpecialTokens);
        var text = new StringBuilder();
        foreach (var id in ids)
        {
            text.Append(decoder.Append(id));
        }
        return text.Append(decoder.Flush()).ToString();
    }

    /// <summary>A decoder that takes one id at a time.</summary>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens) =>
        new(_pipeline.Decoders, id => skipSpecialTokens && IsSpecial(id) ? null : TokenOf(id));

    /// <summary>The token of an id as the vocabulary writes it, or null.</summary>
    public string? TokenOf(int id) => _tokenOfId.GetValueOrDefault(id);

    /// <summary>The id of a token as the vocabulary writes it, or null.</summary>
    public int? IdOf(string? token) => token is not null && _idOfToken.TryGetValue(token, out var id) ? id : null;

    /// <summary>Whether an id is a special token's: one that <see cref="Decode"/> can skip.</summary>
    public bool IsSpecial(int id) => _specialIds.Contains(id);
}
