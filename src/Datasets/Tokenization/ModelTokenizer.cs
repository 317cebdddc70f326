using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>A model's tokenizer, read from its Hugging Face folder.</summary>
public sealed class ModelTokenizer
{
    /// <summary>Reads tokenizer.json and the files beside it.</summary>
    public static ModelTokenizer Load(string modelFolder) => throw new NotImplementedException();

    /// <summary>The ids of a text.</summary>
    public int[] Encode(string text, bool addSpecialTokens) => throw new NotImplementedException();

    /// <summary>The text of ids.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens) => throw new NotImplementedException();

    /// <summary>A decoder that takes one id at a time.</summary>
    public StreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens) => throw new NotImplementedException();

    /// <summary>Id of the beginning-of-sequence token.</summary>
    public int? BosId => throw new NotImplementedException();
    /// <summary>Id of the end-of-sequence token.</summary>
    public int? EosId => throw new NotImplementedException();
    /// <summary>Id of the padding token.</summary>
    public int? PadId => throw new NotImplementedException();
    /// <summary>The beginning-of-sequence token.</summary>
    public string? BosToken => throw new NotImplementedException();
    /// <summary>The end-of-sequence token.</summary>
    public string? EosToken => throw new NotImplementedException();
    /// <summary>The padding token.</summary>
    public string? PadToken => throw new NotImplementedException();
    /// <summary>The unknown token.</summary>
    public string? UnknownToken => throw new NotImplementedException();
    /// <summary>Ids that end a generation.</summary>
    public IReadOnlyList<int> StopIds => throw new NotImplementedException();
    /// <summary>Highest id + 1, added tokens included.</summary>
    public int VocabularySize => throw new NotImplementedException();
    /// <summary>The token of an id.</summary>
    public string? TokenOf(int id) => throw new NotImplementedException();
    /// <summary>The id of a token.</summary>
    public int? IdOf(string token) => throw new NotImplementedException();
    /// <summary>Whether an id is a special token.</summary>
    public bool IsSpecial(int id) => throw new NotImplementedException();
    /// <summary>tokenizer_config.json.</summary>
    public JsonElement Configuration => throw new NotImplementedException();
}
