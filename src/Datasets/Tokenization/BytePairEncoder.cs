using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// Byte-pair encoding of a word (Sennrich et al. 2016): start from characters and apply the best-ranked merge, again and
/// again. See docs/decisions/0004-tokenizers.md for why this is not Microsoft.ML.Tokenizers' <c>BpeTokenizer</c>.
/// </summary>
internal sealed class BytePairEncoder : ITokenModel
{
    /// <summary>Reused from word to word, by each thread for itself.</summary>
    [ThreadStatic]
    private static MergeBuffer? t_buffer;

    private const int LongestCachedWord = 32;
    private const int LargestCache = 1 << 16;

    private readonly Dictionary<string, int> _idOfToken;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idOfSpan;
    private readonly Dictionary<long, Merge> _merges;
    private readonly string _prefix;
    private readonly string _suffix;
    private readonly bool _ignoreMerges;
    private readonly bool _fuseUnknown;
    private readonly int? _unknownId;
    private readonly int[]? _byteIds;

    /// <summary>The characters, last and first, that some merge joins. Between any other two a word may be cut.</summary>
    private readonly HashSet<int> _joints = [];
    private readonly bool _mayCut;

    private readonly ConcurrentDictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cachedIds;
    private int _cacheCount;

    public BytePairEncoder(JsonComponent model)
    {
        if (model["dropout"] is { IsNull: false } dropout && dropout.Expect(JsonValueKind.Number).GetDouble() != 0)
        {
            throw dropout.Error("random merges are not supported, expected null");
        }
        _prefix = model["continuing_subword_prefix"].AsOptionalString() ?? "";
        _suffix = model["end_of_word_suffix"].AsOptionalString() ?? "";
        _ignoreMerges = model["ignore_merges"].AsBoolean(false);
        _fuseUnknown = model["fuse_unk"].AsBoolean(false);
        _idOfToken = ReadVocabulary(model["vocab"]);
        _idOfSpan = _idOfToken.GetAlternateLookup<ReadOnlySpan<char>>();
        _merges = ReadMerges(model["merges"]);
        if (model["unk_token"].AsOptionalString() is { } unknown)
        {
            _unknownId = _idOfToken.TryGetValue(unknown, out var id)
                ? id
                : throw model["unk_token"].Error($"'{unknown}' is not in the vocabulary");
        }
        if (model["byte_fallback"].AsBoolean(false))
        {
            _byteIds = [.. Enumerable.Range(0, 256).Select(value => _idOfToken.GetValueOrDefault($"<0x{value:X2}>", -1))];
        }
        _mayCut = _prefix.Length + _suffix.Length == 0 && UnknownCharactersStayApart();
        _cachedIds = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _idOfToken;

    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (_ignoreMerges && _idOfSpan.TryGetValue(word, out var whole))
        {
            ids.Add(whole);
            return;
        }
        // Some models take the whole text for one word; where no merge can cross, its parts are words on their own.
        var start = 0;
        if (_mayCut && word.Length > LongestCachedWord)
        {
            for (var index = 1; index < word.Length; index++)
            {
                if (!char.IsLowSurrogate(word[index]) && !_joints.Contains(Joint(word[index - 1], word[index])))
                {
                    EncodePart(word[start..index], ids);
                    start = index;
                }
            }
        }
        EncodePart(word[start..], ids);
    }

    private void EncodePart(ReadOnlySpan<char> word, List<int> ids)
    {
        var mayCache = word.Length <= LongestCachedWord;
        if (mayCache && _cachedIds.TryGetValue(word, out var cached))
        {
            ids.AddRange(cached);
            return;
        }
        var first = ids.Count;
        var buffer = t_buffer ??= new MergeBuffer();
        buffer.Clear();
        AddCharacters(word, buffer);
        buffer.MergeAll(_merges);
        buffer.CopyTo(ids);
        if (mayCache && _cacheCount < LargestCache && _cachedIds.TryAdd(word, [.. ids[first..]]))
        {
            Interlocked.Increment(ref _cacheCount);
        }
    }

    /// <summary>Whether no two characters outside the vocabulary can become one symbol, by fusing or by a merge of bytes.</summary>
    private bool UnknownCharactersStayApart()
    {
        if (_byteIds is null)
        {
            return _unknownId is null || !_fuseUnknown;
        }
        var bytes = _byteIds.ToHashSet();
        return !bytes.Contains(-1) && !_merges.Keys.Any(pair => bytes.Contains((int)(pair >> 32)) || bytes.Contains((int)pair));
    }

    private static int Joint(char left, char right) => (left << 16) | right;

    private void AddCharacters(ReadOnlySpan<char> word, MergeBuffer buffer)
    {
        // An unknown character waits, so that those right after it can fuse with it.
        var unknownWaits = false;
        for (var offset = 0; offset < word.Length;)
        {
            Rune.DecodeFromUtf16(word[offset..], out _, out var length);
            var character = word.Slice(offset, length);
            var prefix = offset > 0 ? _prefix : "";
            offset += length;
            var suffix = offset == word.Length ? _suffix : "";
            if (prefix.Length + suffix.Length > 0)
            {
                character = string.Concat(prefix, character, suffix);
            }

            if (_idOfSpan.TryGetValue(character, out var id))
            {
                if (unknownWaits)
                {
                    buffer.Add(_unknownId!.Value);
                    unknownWaits = false;
                }
                buffer.Add(id);
            }
            else if (!TryAddBytes(character, buffer) && _unknownId is { } unknownId)
            {
                if (unknownWaits && !_fuseUnknown)
                {
                    buffer.Add(unknownId);
                }
                unknownWaits = true;
            }
        }
        if (unknownWaits)
        {
            buffer.Add(_unknownId!.Value);
        }
    }

    private bool TryAddBytes(ReadOnlySpan<char> character, MergeBuffer buffer)
    {
        if (_byteIds is null)
        {
            return false;
        }
        var bytes = Encoding.UTF8.GetBytes(character.ToString());
        if (Array.Exists(bytes, value => _byteIds[value] < 0))
        {
            return false;
        }
        foreach (var value in bytes)
        {
            buffer.Add(_byteIds[value]);
        }
        return true;
    }

    private static Dictionary<string, int> ReadVocabulary(JsonComponent component)
    {
        Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
        foreach (var member in component.Expect(JsonValueKind.Object).EnumerateObject())
        {
            vocabulary[member.Name] = member.Value.ValueKind == JsonValueKind.Number && member.Value.TryGetInt32(out var id) && id is >= 0 and < int.MaxValue
                ? id
                : throw component.Error($"the id of '{member.Name}' is {member.Value.GetRawText()}, expected a whole number");
        }
        return vocabulary;
    }

    private Dictionary<long, Merge> ReadMerges(JsonComponent component)
    {
        var list = component.Expect(JsonValueKind.Array);
        Dictionary<long, Merge> merges = new(list.GetArrayLength());
        var rank = 0;
        foreach (var entry in list.EnumerateArray())
        {
            var (left, right) = ReadMerge(component, entry, rank);
            if (right.Length < _prefix.Length)
            {
                throw component.Error($"merge {rank}: '{right}' does not start with '{_prefix}'");
            }
            var key = MergeBuffer.Pair(IdOf(left), IdOf(right));
            merges[key] = new Merge(rank, IdOf(string.Concat(left, right.AsSpan(_prefix.Length))));
            if (left.Length > 0 && right.Length > _prefix.Length)
            {
                _joints.Add(Joint(left[^1], right[_prefix.Length]));
            }
            rank++;
        }
        return merges;

        int IdOf(string token) => _idOfToken.TryGetValue(token, out var id)
            ? id
            : throw component.Error($"merge {rank}: '{token}' is not in the vocabulary");
    }

    /// <summary>A merge is <c>"a b"</c>, or <c>["a", "b"]</c> where tokens may hold spaces.</summary>
    private static (string Left, string Right) ReadMerge(JsonComponent component, JsonElement entry, int rank)
    {
        if (entry.ValueKind == JsonValueKind.String)
        {
            var text = entry.GetString()!;
            var space = text.IndexOf(' ');
            if (space > 0 && text.IndexOf(' ', space + 1) < 0)
            {
                return (text[..space], text[(space + 1)..]);
            }
        }
        else if (entry.ValueKind == JsonValueKind.Array && entry.GetArrayLength() == 2
            && entry[0].ValueKind == JsonValueKind.String && entry[1].ValueKind == JsonValueKind.String)
        {
            return (entry[0].GetString()!, entry[1].GetString()!);
        }
        throw component.Error($"merge {rank} is {entry.GetRawText()}, expected two tokens");
    }
}
