using System.Buffers;
using System.Text;
using System.Text.Json;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// The most probable split of a word when tokens are drawn independently (Kudo, 2018, arXiv 1804.10959), found by Viterbi's
/// algorithm over a trie of the vocabulary: the time is the word's length times that of the longest token.
/// </summary>
internal sealed class UnigramEncoder : ITokenModel
{
    /// <summary>How much less probable than the rarest token an unknown character is, as SentencePiece has it.</summary>
    private const double UnknownPenalty = 10;

    private const int Root = 0;
    private const int NoToken = -1;

    private readonly Dictionary<string, int> _idOfToken = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idOfSpan;
    private readonly double[] _scores;
    private readonly double _unknownScore;
    private readonly int _unknownId;
    private readonly int[]? _byteIds;

    private readonly Dictionary<long, int> _children = [];
    private readonly List<int> _tokenOfNode = [NoToken];

    public UnigramEncoder(JsonComponent model)
    {
        var vocabulary = model["vocab"].Expect(JsonValueKind.Array);
        _scores = new double[vocabulary.GetArrayLength()];
        var id = 0;
        foreach (var entry in vocabulary.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2 || entry[0].ValueKind != JsonValueKind.String
                || entry[1].ValueKind != JsonValueKind.Number || !entry[1].TryGetDouble(out _scores[id]) || !double.IsFinite(_scores[id]))
            {
                throw model["vocab"].Error($"entry {id} is {entry.GetRawText()}, expected a token and its score");
            }
            var token = entry[0].GetString()!;
            // Of two entries of one text the later one is meant.
            _idOfToken[token] = id;
            _tokenOfNode[NodeOf(token)] = id++;
        }
        _idOfSpan = _idOfToken.GetAlternateLookup<ReadOnlySpan<char>>();
        _unknownId = model["unk_id"].AsInt32();
        if (_unknownId >= _scores.Length)
        {
            throw model["unk_id"].Error($"is {_unknownId}, but the vocabulary ends at {_scores.Length - 1}");
        }
        _unknownScore = _scores.Min() - UnknownPenalty;
        if (model["byte_fallback"].AsBoolean(false))
        {
            _byteIds = [.. Enumerable.Range(0, 256).Select(value => _idOfToken.GetValueOrDefault($"<0x{value:X2}>", NoToken))];
        }
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _idOfToken;

    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        var path = ArrayPool<Step>.Shared.Rent(word.Length + 1);
        try
        {
            FindBestPath(word, path.AsSpan(0, word.Length + 1));
            AppendIds(word, path, ids);
        }
        finally
        {
            ArrayPool<Step>.Shared.Return(path);
        }
    }

    /// <summary>The last step of the best path to each place in the word.</summary>
    private void FindBestPath(ReadOnlySpan<char> word, Span<Step> path)
    {
        path.Fill(new Step(0, Start: -1, NoToken));
        for (var start = 0; start < word.Length;)
        {
            var score = path[start].Score;
            Rune.DecodeFromUtf16(word[start..], out _, out var character);
            var characterIsKnown = false;
            for (int node = Root, end = start; end < word.Length && _children.TryGetValue(Key(node, word[end]), out node);)
            {
                end++;
                if (_tokenOfNode[node] is not NoToken and var token)
                {
                    characterIsKnown |= end - start == character;
                    Take(path, start, end, score + _scores[token], token);
                }
            }
            if (!characterIsKnown)
            {
                Take(path, start, start + character, score + _unknownScore, _unknownId);
            }
            start += character;
        }
    }

    private static void Take(Span<Step> path, int start, int end, double score, int token)
    {
        if (path[end].Start < 0 || score > path[end].Score)
        {
            path[end] = new Step(score, start, token);
        }
    }

    /// <summary>Goes back along the path. Neighbouring unknown characters are one unknown token, or its bytes.</summary>
    private void AppendIds(ReadOnlySpan<char> word, Step[] path, List<int> ids)
    {
        var first = ids.Count;
        for (var end = word.Length; end > 0;)
        {
            var start = path[end].Start;
            if (path[end].Token != _unknownId)
            {
                ids.Add(path[end].Token);
            }
            else
            {
                while (start > 0 && path[start].Token == _unknownId)
                {
                    start = path[start].Start;
                }
                AppendUnknownReversed(word[start..end], ids);
            }
            end = start;
        }
        ids.Reverse(first, ids.Count - first);
    }

    private void AppendUnknownReversed(ReadOnlySpan<char> text, List<int> ids)
    {
        if (_idOfSpan.TryGetValue(text, out var id))
        {
            ids.Add(id);
            return;
        }
        var bytes = _byteIds is null ? [] : Encoding.UTF8.GetBytes(text.ToString());
        if (bytes.Length == 0 || Array.Exists(bytes, value => _byteIds![value] == NoToken))
        {
            ids.Add(_unknownId);
            return;
        }
        for (var index = bytes.Length - 1; index >= 0; index--)
        {
            ids.Add(_byteIds![bytes[index]]);
        }
    }

    private int NodeOf(string token)
    {
        var node = Root;
        foreach (var character in token)
        {
            if (!_children.TryGetValue(Key(node, character), out var child))
            {
                child = _children[Key(node, character)] = _tokenOfNode.Count;
                _tokenOfNode.Add(NoToken);
            }
            node = child;
        }
        return node;
    }

    private static long Key(int node, char character) => ((long)node << 16) | character;

    private readonly record struct Step(double Score, int Start, int Token);
}
