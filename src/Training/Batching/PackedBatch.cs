using TrainingService.Datasets.Preparation;
using static TorchSharp.torch;

namespace TrainingService.Training.Batching;

/// <summary>Where one pair lies in a packed batch: shared tokens, then the rest of chosen, then the rest of rejected.</summary>
/// <param name="Start">Row of the first shared token.</param>
/// <param name="Shared">Tokens that both sequences begin with: the prompt and what the completions have in common.</param>
/// <param name="Chosen">Tokens of chosen after the shared ones.</param>
/// <param name="Rejected">Tokens of rejected after the shared ones.</param>
internal readonly record struct PairSpan(int Start, int Shared, int Chosen, int Rejected);

/// <summary>
/// Pairs one after the other without padding, what chosen and rejected share only once (prefix sharing,
/// arXiv 2410.20305): norms, projections and the MLP run over (tokens,) rows, and attention alone knows the spans.
/// </summary>
internal sealed class PackedBatch : IDisposable
{
    /// <summary>Packs pairs in the order given.</summary>
    /// <param name="pairs">At least one pair; each completion has at least one token.</param>
    /// <param name="device">Where the tensors go.</param>
    public PackedBatch(IReadOnlyList<TokenizedPair> pairs, Device device)
    {
        List<long> ids = [], positions = [], rows = [], targets = [], owners = [];
        var spans = new PairSpan[pairs.Count];
        var lengths = new int[2 * pairs.Count];
        for (int i = 0; i < pairs.Count; i++)
        {
            TokenizedPair pair = pairs[i];
            int prompt = pair.PromptIds.Length, common = CommonPrefix(pair.ChosenIds, pair.RejectedIds);
            var span = new PairSpan(ids.Count, prompt + common, pair.ChosenIds.Length - common, pair.RejectedIds.Length - common);
            spans[i] = span;
            Append(pair.PromptIds, 0);
            Append(pair.ChosenIds, prompt);
            Append(pair.RejectedIds.AsSpan(common), span.Shared);
            AddTargets(pair.ChosenIds, span, prompt, span.Start + span.Shared, 2 * i);
            AddTargets(pair.RejectedIds, span, prompt, span.Start + span.Shared + span.Chosen, 2 * i + 1);
        }
        Spans = spans;
        Ids = tensor(ids, ScalarType.Int64, device).DetachFromDisposeScope();
        Positions = tensor(positions, ScalarType.Int64, device).DetachFromDisposeScope();
        Rows = tensor(rows, ScalarType.Int64, device).DetachFromDisposeScope();
        Targets = tensor(targets, ScalarType.Int64, device).DetachFromDisposeScope();
        Owners = tensor(owners, ScalarType.Int64, device).DetachFromDisposeScope();
        CompletionLengths = lengths;

        void Append(ReadOnlySpan<int> tokens, int firstPosition)
        {
            for (int k = 0; k < tokens.Length; k++)
            {
                ids.Add(tokens[k]);
                positions.Add(firstPosition + k);
            }
        }

        // A token is predicted by the row of the token before it, which is a shared row up to and including the first
        // token after the shared ones.
        void AddTargets(int[] completion, PairSpan span, int prompt, int tail, int owner)
        {
            for (int k = 0; k < completion.Length; k++)
            {
                int before = prompt + k - 1;
                if (before < 0) continue; // the very first token of a sequence is predicted by nothing
                lengths[owner]++;
                rows.Add(before < span.Shared ? span.Start + before : tail + before - span.Shared);
                targets.Add(completion[k]);
                owners.Add(owner);
            }
        }
    }

    /// <summary>Where each pair lies.</summary>
    public IReadOnlyList<PairSpan> Spans { get; }

    /// <summary>Token ids, (tokens,).</summary>
    public Tensor Ids { get; }

    /// <summary>Positions within the pair's sequence, (tokens,).</summary>
    public Tensor Positions { get; }

    /// <summary>Rows whose hidden state predicts a completion token, (completion tokens,): chosen then rejected, pair by pair.</summary>
    public Tensor Rows { get; }

    /// <summary>The completion tokens, (completion tokens,).</summary>
    public Tensor Targets { get; }

    /// <summary>2 · pair for a token of chosen, 2 · pair + 1 for one of rejected, (completion tokens,).</summary>
    public Tensor Owners { get; }

    /// <summary>Predicted tokens of each completion, in the order of <see cref="Owners"/>.</summary>
    public IReadOnlyList<int> CompletionLengths { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in new[] { Ids, Positions, Rows, Targets, Owners }) tensor.Dispose();
    }

    private static int CommonPrefix(ReadOnlySpan<int> a, ReadOnlySpan<int> b) => a.CommonPrefixLength(b);
}
