using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Preparation;

/// <summary>Turns pairs of text into token ids of bounded length, and counts all that was cut or left out on the way.</summary>
public sealed class RowPreparer(ModelTokenizer tokenizer, ChatTemplate? template, PreparationOptions options)
{
    private readonly RowTokenizer _pairs = new(tokenizer, template);

    /// <summary>Prepares every pair of a training file.</summary>
    public PreparedDataset Prepare(IEnumerable<PreferencePair> pairs, CancellationToken cancellationToken) =>
        Prepare(pairs, trainedPrompts: null, cancellationToken);

    /// <summary>Prepares every pair. What is wrong with a row is told in the report, so that all rows are told at once.</summary>
    /// <param name="pairs">The file's pairs.</param>
    /// <param name="trainedPrompts">For a validation file: the prompts of the training file.</param>
    /// <param name="cancellationToken">Ends the work between two rows.</param>
    public PreparedDataset Prepare(IEnumerable<PreferencePair> pairs, TokenSet? trainedPrompts, CancellationToken cancellationToken)
    {
        var prepared = new List<TokenizedPair>();
        (DatasetReport report, TokenSet prompts) = Pass(pairs, trainedPrompts, prepared.Add, cancellationToken);
        return new(prepared, report, prompts);
    }

    /// <summary>What <see cref="Prepare(IEnumerable{PreferencePair}, TokenSet?, CancellationToken)"/> would find, in memory of a few bytes a row.</summary>
    /// <param name="pairs">The file's pairs.</param>
    /// <param name="trainedPrompts">For a validation file: the prompts of the training file.</param>
    /// <param name="cancellationToken">Ends the work between two rows.</param>
    public ExaminedDataset Examine(IEnumerable<PreferencePair> pairs, TokenSet? trainedPrompts, CancellationToken cancellationToken)
    {
        var preview = new List<PreviewRow>();
        void Show(TokenizedPair pair)
        {
            if (preview.Count < ExaminedDataset.PreviewRows) preview.Add(PreviewRow.Of(pair, tokenizer));
        }

        (DatasetReport report, TokenSet prompts) = Pass(pairs, trainedPrompts, Show, cancellationToken);
        return new(report, preview, prompts);
    }

    private (DatasetReport Report, TokenSet Prompts) Pass(
        IEnumerable<PreferencePair> pairs, TokenSet? trainedPrompts, Action<TokenizedPair> take, CancellationToken cancellationToken)
    {
        var tally = new DatasetTally(trainedPrompts);
        foreach (PreferencePair pair in pairs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Prepare(pair, tally) is { } tokenized) take(tokenized);
        }
        return (tally.Finish(), tally.Prompts);
    }

    private TokenizedPair? Prepare(PreferencePair pair, DatasetTally tally)
    {
        TokenizedPair whole;
        bool promptIsPrefix;
        try
        {
            (whole, promptIsPrefix) = _pairs.Tokenize(pair);
        }
        catch (ChatTemplateException exception)
        {
            tally.Error(pair.Row, exception.Message);
            return null;
        }
        string? fault =
            whole.PromptIds.Length == 0 ? "The prompt has no tokens of its own, so the first token of the answer follows nothing." :
            whole.ChosenIds.Length == 0 ? "Nothing is left of the chosen completion: the chat template does not print it." :
            whole.RejectedIds.Length == 0 ? "Nothing is left of the rejected completion: the chat template does not print it." :
            _pairs.DoubledToken(whole);
        if (fault is not null)
        {
            tally.Error(pair.Row, fault);
            return null;
        }

        int[] prompt = options.MaxPromptLength is { } longest && whole.PromptIds.Length > longest ? whole.PromptIds[^longest..] : whole.PromptIds;
        int room = (options.MaxLength ?? int.MaxValue) - prompt.Length;
        if (room <= 0)
        {
            tally.Drop(whole, $"The prompt alone fills max_length ({options.MaxLength}).");
            return null;
        }
        var cut = new TokenizedPair(pair.Row, prompt, Start(whole.ChosenIds, room), Start(whole.RejectedIds, room));
        tally.Keep(whole, cut, promptIsPrefix);
        return cut;
    }

    private static int[] Start(int[] ids, int length) => ids.Length <= length ? ids : ids[..length];
}
