using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Preparation;

/// <summary>Collects a <see cref="DatasetReport"/> while rows pass by.</summary>
/// <param name="trainedPrompts">The training file's prompts while a validation file passes by; else null.</param>
internal abstract class DatasetTally(TokenSet? trainedPrompts)
{
    /// <summary>Why a prompt was cut.</summary>
    protected const string PromptTooLong = "The prompt is longer than max_prompt_length and loses its start.";

    private const string NotPrefix = "The prompt's tokens are not how the tokens of prompt and completion begin; the completion starts where they diverge.";
    private const string Duplicate = "An earlier row has the same prompt and the same completions.";
    private const string InTraining = "The training file has the same prompt.";

    private readonly RowGroups _truncated = new(), _notPrefix = new(), _duplicates = new(), _inTraining = new();
    private readonly TokenSet _seen = new();

    /// <summary>Rows of the file.</summary>
    public int Rows { get; set; }

    /// <summary>The prompts of the rows kept so far.</summary>
    public TokenSet Prompts { get; } = new();

    protected int Kept { get; private set; }

    protected IReadOnlyList<RowGroup> Truncated => _truncated.ToList();

    protected RowGroups Dropped { get; } = new();

    protected RowGroups Errors { get; } = new();

    protected RowGroup? PromptNotPrefix => _notPrefix.Only();

    protected RowGroup? Duplicates => _duplicates.Only();

    protected RowGroup? PromptsInTraining => _inTraining.Only();

    /// <summary>The tally of what a method is trained on.</summary>
    public static DatasetTally Of(TrainingMethod method, TokenSet? trainedPrompts) => method switch
    {
        TrainingMethod.Supervised => new SupervisedTally(trainedPrompts),
        TrainingMethod.Kto => new LabelledTally(trainedPrompts),
        _ => new PairTally(trainedPrompts),
    };

    public void Error(long row, string reason) => Errors.Add(reason, row);

    public void LeaveOut(long row, string reason) => Dropped.Add(reason, row);

    public void Drop(TokenizedRow whole, string reason)
    {
        Measure(whole);
        Dropped.Add(reason, whole.Row);
    }

    public void Keep(EncodedRow whole, TokenizedRow cut)
    {
        Measure(whole.Row);
        Kept++;
        if (!whole.PromptIsPrefix) _notPrefix.Add(NotPrefix, cut.Row);
        int[][] parts = PartsOf(whole.Row);
        if (!_seen.Add(parts)) _duplicates.Add(Duplicate, cut.Row);
        if (trainedPrompts?.Contains(parts[0]) == true) _inTraining.Add(InTraining, cut.Row);
        Prompts.Add(parts[0]);
        Count(whole, cut);
    }

    public abstract DatasetReport Finish();

    /// <summary>Takes the lengths of a row before any cut.</summary>
    protected abstract void Measure(TokenizedRow whole);

    /// <summary>Takes a row that is kept.</summary>
    protected abstract void Count(EncodedRow whole, TokenizedRow cut);

    /// <summary>Counts a part that was cut.</summary>
    protected void Truncate(ref int count, string reason, long row)
    {
        count++;
        _truncated.Add(reason, row);
    }

    // The prompt first. A sequence's is what it reads before the first token that it trains.
    private static int[][] PartsOf(TokenizedRow row) => row switch
    {
        TokenizedPair pair => [pair.PromptIds, pair.ChosenIds, pair.RejectedIds],
        TokenizedExample example => [example.PromptIds, example.CompletionIds, [example.Label ? 1 : 0]],
        TokenizedSequence sequence => Array.IndexOf(sequence.Trained, true, 1) is var first and > 1
            ? [sequence.Ids[..first], sequence.Ids[first..]] : [sequence.Ids],
        _ => throw new ArgumentException($"Rows of type {row.GetType().Name} are not counted.", nameof(row)),
    };
}
