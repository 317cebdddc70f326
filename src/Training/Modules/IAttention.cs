namespace TrainingService.Training.Modules;

/// <summary>How the tokens of a forward pass see each other: packed pairs in training, cached sequences in generation.</summary>
internal interface IAttention
{
    /// <summary>The sequences or pairs of sequences that the rows belong to, in the order of the rows.</summary>
    IReadOnlyList<SequenceRows> Sequences { get; }

    /// <summary>Causal attention of one layer.</summary>
    /// <param name="tape">The pass.</param>
    /// <param name="heads">The layer's heads.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="qkv">(tokens, (heads + 2 · key heads) · size): queries, keys and values side by side, not yet turned.</param>
    /// <param name="rotation">Turns queries and keys; null leaves them.</param>
    /// <returns>(tokens, heads · size).</returns>
    Activation Forward(Tape tape, AttentionHeads heads, int layer, Activation qkv, Rotation? rotation);
}

/// <summary>Rows that follow each other and belong together.</summary>
/// <param name="Rows">How many.</param>
/// <param name="Length">Tokens of the sequence, of a pair's longer one, including those read in earlier passes.</param>
internal readonly record struct SequenceRows(int Rows, int Length);
