using System.Runtime.InteropServices;

namespace TrainingService.Datasets.Tokenization;

/// <summary>What two neighbouring symbols become; the lowest rank goes first.</summary>
internal readonly record struct Merge(int Rank, int Id);

/// <summary>
/// The symbols of one word while merges are applied: a linked list in an array, and a queue of possible merges,
/// so that a word of n characters costs n log n, however long.
/// </summary>
internal sealed class MergeBuffer
{
    private const int None = -1;

    private readonly List<Symbol> _symbols = [];
    private readonly PriorityQueue<(int Position, int Id), long> _queue = new();

    /// <summary>The key of a pair of neighbours.</summary>
    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    public void Clear()
    {
        _symbols.Clear();
        _queue.Clear();
    }

    public void Add(int id) => _symbols.Add(new Symbol { Id = id, Previous = _symbols.Count - 1, Next = _symbols.Count + 1 });

    public void MergeAll(Dictionary<long, Merge> merges)
    {
        var symbols = CollectionsMarshal.AsSpan(_symbols);
        for (var position = 0; position + 1 < symbols.Length; position++)
        {
            Enqueue(symbols, merges, position);
        }
        while (_queue.TryDequeue(out var candidate, out _))
        {
            ref var left = ref symbols[candidate.Position];
            // Either symbol may have merged elsewhere since this was queued.
            if (left.Id == None || left.Next == symbols.Length
                || !merges.TryGetValue(Pair(left.Id, symbols[left.Next].Id), out var merge) || merge.Id != candidate.Id)
            {
                continue;
            }
            ref var right = ref symbols[left.Next];
            left.Id = merge.Id;
            right.Id = None;
            left.Next = right.Next;
            if (left.Next < symbols.Length)
            {
                symbols[left.Next].Previous = candidate.Position;
                Enqueue(symbols, merges, candidate.Position);
            }
            if (left.Previous != None)
            {
                Enqueue(symbols, merges, left.Previous);
            }
        }
    }

    public void CopyTo(List<int> ids)
    {
        foreach (var symbol in _symbols)
        {
            if (symbol.Id != None)
            {
                ids.Add(symbol.Id);
            }
        }
    }

    private void Enqueue(Span<Symbol> symbols, Dictionary<long, Merge> merges, int position)
    {
        ref var left = ref symbols[position];
        if (merges.TryGetValue(Pair(left.Id, symbols[left.Next].Id), out var merge))
        {
            // Equal ranks go from left to right.
            _queue.Enqueue((position, merge.Id), ((long)merge.Rank << 32) | (uint)position);
        }
    }

    private struct Symbol
    {
        public int Id;
        public int Previous;
        public int Next;
    }
}
