using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Batching;

/// <summary>Where one row lies in a packed batch: shared tokens, then the rest of its first text, then the rest of its second.</summary>
/// <param name="Start">Row of the first shared token.</param>
/// <param name="Shared">Tokens that both sequences begin with: the prompt and what the completions have in common.</param>
/// <param name="Chosen">Tokens of chosen after the shared ones.</param>
/// <param name="Rejected">Tokens of rejected after the shared ones.</param>
internal readonly record struct PairSpan(int Start, int Shared, int Chosen, int Rejected);

/// <summary>
/// Rows one after the other without padding, what a row's two texts share only once (prefix sharing,
/// arXiv 2410.20305): norms, projections and the MLP run over (tokens,) rows, and attention alone knows the spans.
/// </summary>
internal sealed class PackedBatch : IDisposable
{
    /// <summary>Packs rows in the order given.</summary>
    /// <param name="packed">At least one row; each has at least one target.</param>
    /// <param name="device">Where the tensors go.</param>
    /// <param name="promptTargets">Whether the prompts' tokens are targets too; they come after all others.</param>
    public PackedBatch(IReadOnlyList<PackedRow> packed, Device device, bool promptTargets = false)
    {
        List<long> ids = [], positions = [], rows = [], targets = [], owners = [];
        var spans = new PairSpan[packed.Count];
        var lengths = new int[(promptTargets ? 3 : 2) * packed.Count];
        for (int i = 0; i < packed.Count; i++)
        {
            PackedRow row = packed[i];
            int prompt = row.Prompt.Length, common = row.First.AsSpan().CommonPrefixLength(row.Second);
            var span = new PairSpan(ids.Count, prompt + common, row.First.Length - common, row.Second.Length - common);
            spans[i] = span;
            Append(row.Prompt, 0);
            Append(row.First, prompt);
            Append(row.Second.AsSpan(common), span.Shared);
            AddTargets(row.First, row.Counted, span, prompt, span.Start + span.Shared, 2 * i);
            AddTargets(row.Second, null, span, prompt, span.Start + span.Shared + span.Chosen, 2 * i + 1);
        }
        CompletionTargets = targets.Count;
        for (int i = 0; promptTargets && i < packed.Count; i++)
            AddTargets(packed[i].Prompt, null, spans[i], 0, spans[i].Start, 2 * packed.Count + i);
        Spans = spans;
        Ids = tensor(ids, ScalarType.Int64, device).DetachFromDisposeScope();
        Positions = tensor(positions, ScalarType.Int64, device).DetachFromDisposeScope();
        Rows = tensor(rows, ScalarType.Int64, device).DetachFromDisposeScope();
        Targets = tensor(targets, ScalarType.Int64, device).DetachFromDisposeScope();
        Owners = tensor(owners, ScalarType.Int64, device).DetachFromDisposeScope();
        TargetCounts = lengths;

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
        void AddTargets(int[] completion, bool[]? counted, PairSpan span, int prompt, int tail, int owner)
        {
            for (int k = 0; k < completion.Length; k++)
            {
                int before = prompt + k - 1;
                if (before < 0 || counted?[k] == false) continue; // the very first token of a sequence is predicted by nothing
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

    /// <summary>Rows whose hidden state predicts a target, (targets,): first then second, row by row, then the prompts'.</summary>
    public Tensor Rows { get; }

    /// <summary>The tokens to be predicted, (targets,).</summary>
    public Tensor Targets { get; }

    /// <summary>2 · row for a target of the first text, 2 · row + 1 for one of the second, 2 · rows + row for one of the prompt, (targets,).</summary>
    public Tensor Owners { get; }

    /// <summary>Targets of each owner.</summary>
    public IReadOnlyList<int> TargetCounts { get; }

    /// <summary>Targets that belong to completions: they come first.</summary>
    public int CompletionTargets { get; }

    /// <summary>Values of targets summed by owner, (owners,).</summary>
    /// <param name="perTarget">(targets,).</param>
    /// <param name="weights">Multiplied in before, (targets,); null weighs each by 1.</param>
    public Tensor Sum(Tensor perTarget, Tensor? weights = null) =>
        OrderedSums.Add(zeros([TargetCounts.Count], ScalarType.Float32, perTarget.device), Owners, weights is null ? perTarget : perTarget * weights);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in new[] { Ids, Positions, Rows, Targets, Owners }) tensor.Dispose();
    }
}
