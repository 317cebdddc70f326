using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Preparation;

/// <summary>Turns rows of text into token ids of bounded length, and counts all that was cut or left out on the way.</summary>
/// <param name="tokenizer">The model's tokenizer; null where it has none, which is enough for rows of token ids.</param>
/// <param name="template">The model's chat template; null where it has none.</param>
/// <param name="options">What is prepared for, and how long rows may be.</param>
/// <param name="vocabularySize">How many tokens the model knows, to check rows of token ids against; null where that is unknown.</param>
public sealed class RowPreparer(ModelTokenizer? tokenizer, ChatTemplate? template, PreparationOptions options, int? vocabularySize = null)
{
    private readonly RowTokenizer _rows = new(tokenizer, template, options);

    /// <summary>A preparer with what a model's folder has.</summary>
    /// <param name="modelFolder">The Hugging Face folder.</param>
    /// <param name="options">What is prepared for, and how long rows may be.</param>
    /// <param name="timeProvider">The clock of chat templates that print today's date.</param>
    /// <exception cref="TokenizerFormatException">The tokenizer cannot be read.</exception>
    /// <exception cref="ChatTemplateException">The chat template cannot be parsed.</exception>
    public static RowPreparer Load(string modelFolder, PreparationOptions options, TimeProvider? timeProvider = null)
    {
        ModelTokenizer? tokenizer = ModelTokenizer.Exists(modelFolder) ? ModelTokenizer.Load(modelFolder) : null;
        return new(tokenizer, tokenizer is null ? null : ChatTemplate.Load(modelFolder, tokenizer, timeProvider), options, ModelVocabulary.SizeOf(modelFolder));
    }

    /// <summary>Prepares every row of a training file.</summary>
    public PreparedDataset Prepare(IEnumerable<TrainingRow> rows, CancellationToken cancellationToken) =>
        Prepare(rows, trainedPrompts: null, cancellationToken);

    /// <summary>Prepares every row. What is wrong with a row is told in the report, so that all rows are told at once.</summary>
    /// <param name="rows">The file's rows, of a kind that the method accepts (see <see cref="MethodRows"/>).</param>
    /// <param name="trainedPrompts">For a validation file: the prompts of the training file.</param>
    /// <param name="cancellationToken">Ends the work between two rows.</param>
    public PreparedDataset Prepare(IEnumerable<TrainingRow> rows, TokenSet? trainedPrompts, CancellationToken cancellationToken)
    {
        var prepared = new List<TokenizedRow>();
        (DatasetReport report, TokenSet prompts) = Pass(rows, trainedPrompts, prepared.Add, cancellationToken);
        return new(prepared, report, prompts);
    }

    /// <summary>What <see cref="Prepare(IEnumerable{TrainingRow}, TokenSet?, CancellationToken)"/> would find, in memory of a few bytes a row.</summary>
    /// <param name="rows">The file's rows, of a kind that the method accepts (see <see cref="MethodRows"/>).</param>
    /// <param name="trainedPrompts">For a validation file: the prompts of the training file.</param>
    /// <param name="cancellationToken">Ends the work between two rows.</param>
    public ExaminedDataset Examine(IEnumerable<TrainingRow> rows, TokenSet? trainedPrompts, CancellationToken cancellationToken)
    {
        var preview = new List<PreviewRow>();
        void Show(TokenizedRow row)
        {
            if (preview.Count < ExaminedDataset.PreviewRows) preview.Add(PreviewRow.Of(row, tokenizer));
        }

        (DatasetReport report, TokenSet prompts) = Pass(rows, trainedPrompts, Show, cancellationToken);
        return new(report, preview, prompts);
    }

    private (DatasetReport Report, TokenSet Prompts) Pass(
        IEnumerable<TrainingRow> rows, TokenSet? trainedPrompts, Action<TokenizedRow> take, CancellationToken cancellationToken)
    {
        var tally = DatasetTally.Of(options.Method, trainedPrompts);
        IEnumerable<TrainingRow> counted = rows.Select(row =>
        {
            tally.Rows++;
            return row;
        });
        foreach (TrainingRow row in MethodRows.Of(options.Method, counted))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Prepare(row, tally) is { } tokenized) take(tokenized);
        }
        return (tally.Finish(), tally.Prompts);
    }

    private TokenizedRow? Prepare(TrainingRow row, DatasetTally tally)
    {
        if (row is LeftOutRow leftOut)
        {
            tally.LeaveOut(row.Row, leftOut.Reason);
            return null;
        }
        if (!MethodRows.Accepts(options.Method, row.Kind))
        {
            tally.Error(row.Row, $"The method {WireNames.Of(options.Method)} cannot learn from {(row.Kind == RowKind.Labelled ? "labelled completions" : "single completions")}.");
            return null;
        }
        EncodedRow whole;
        try
        {
            whole = _rows.Encode(row);
        }
        catch (ChatTemplateException exception)
        {
            tally.Error(row.Row, exception.Message);
            return null;
        }
        // What ids of a row's own hold is meant; those that text gave are held against what text should give.
        if ((row is TokenRow tokens ? UnknownToken(tokens) : FaultOf(whole.Row)) is { } fault)
        {
            tally.Error(row.Row, fault);
            return null;
        }
        if (Cut(whole.Row, out string reason) is { } cut)
        {
            tally.Keep(whole, cut);
            return cut;
        }
        tally.Drop(whole.Row, reason);
        return null;
    }

    private string? UnknownToken(TokenRow row)
    {
        int highest = Math.Max(row.Prompt.Append(0).Max(), row.Completions.Max(ids => ids.Max()));
        return highest >= vocabularySize ? $"The token id {highest} is none of the model's, which go from 0 to {vocabularySize - 1}: were the rows made with another model's tokenizer?" : null;
    }

    private string? FaultOf(TokenizedRow row) => row switch
    {
        TokenizedPair { PromptIds: [] } or TokenizedExample { PromptIds: [] } => "The prompt has no tokens of its own, so the first token of the answer follows nothing.",
        TokenizedPair { ChosenIds: [] } => "Nothing is left of the chosen completion: the chat template does not print it.",
        TokenizedPair { RejectedIds: [] } => "Nothing is left of the rejected completion: the chat template does not print it.",
        TokenizedExample { CompletionIds: [] } => "Nothing is left of the completion: the chat template does not print it.",
        TokenizedPair pair => _rows.DoubledToken(pair.PromptIds, pair.ChosenIds, pair.RejectedIds),
        TokenizedExample example => _rows.DoubledToken(example.PromptIds, example.CompletionIds),
        TokenizedSequence { Ids: [] } => "The row has no tokens: the chat template prints nothing.",
        TokenizedSequence sequence => _rows.DoubledToken(sequence.Ids, sequence.Ids),
        _ => null,
    };

    /// <summary>The row within the limits of length; null with the reason where nothing to train on is left.</summary>
    private TokenizedRow? Cut(TokenizedRow whole, out string reason)
    {
        reason = "";
        if (whole is TokenizedSequence sequence)
        {
            bool fits = options.MaxLength is not { } most || sequence.Ids.Length <= most;
            TokenizedSequence cut = fits ? sequence : sequence with { Ids = sequence.Ids[..options.MaxLength!.Value], Trained = sequence.Trained[..options.MaxLength.Value] };
            if (cut.Trained.AsSpan(1).Contains(true)) return cut;
            reason = sequence.Trained.AsSpan(1).Contains(true) ? $"None of its trained tokens is within max_length ({options.MaxLength})." : "None of its tokens is trained.";
            return null;
        }
        int[] wholePrompt = whole is TokenizedPair { PromptIds: var ids } ? ids : ((TokenizedExample)whole).PromptIds;
        int[] prompt = options.MaxPromptLength is { } longest && wholePrompt.Length > longest ? wholePrompt[^longest..] : wholePrompt;
        int room = (options.MaxLength ?? int.MaxValue) - prompt.Length;
        if (room <= 0)
        {
            reason = $"The prompt alone fills max_length ({options.MaxLength}).";
            return null;
        }
        return whole switch
        {
            TokenizedPair pair => new TokenizedPair(pair.Row, prompt, Start(pair.ChosenIds, room), Start(pair.RejectedIds, room)),
            TokenizedExample example => example with { PromptIds = prompt, CompletionIds = Start(example.CompletionIds, room) },
            _ => throw new ArgumentException($"Rows of type {whole.GetType().Name} are not cut.", nameof(whole)),
        };
    }

    private static int[] Start(int[] ids, int length) => ids.Length <= length ? ids : ids[..length];
}
