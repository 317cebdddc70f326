using TrainingService.Datasets.Preparation;

namespace TrainingService.Training.Batching;

/// <summary>A row as it is packed: one or two texts that begin with the same prompt.</summary>
/// <param name="Prompt">What both begin with; may be empty.</param>
/// <param name="First">The first text's rest, such as the chosen completion.</param>
/// <param name="Second">The second one's, such as the rejected completion; empty when there is none.</param>
internal readonly record struct PackedRow(int[] Prompt, int[] First, int[] Second)
{
    /// <summary>For each token of <see cref="First"/> whether it is a target; null when all are.</summary>
    public bool[]? Counted { get; init; }

    /// <summary>Tokens that it takes in a pack at most.</summary>
    public int Tokens => Prompt.Length + First.Length + Second.Length;

    /// <summary>A pair: chosen first.</summary>
    public static PackedRow Of(TokenizedPair pair) => new(pair.PromptIds, pair.ChosenIds, pair.RejectedIds);

    /// <summary>A sequence of which some tokens are targets.</summary>
    public static PackedRow Of(TokenizedSequence sequence) => new([], sequence.Ids, []) { Counted = sequence.Trained };
}
