using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tests.Templates;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class PairPreparationTests
{
    private static readonly string s_model = TestFiles.Golden("training", "model");
    private static readonly ModelTokenizer s_tokenizer = ModelTokenizer.Load(s_model);
    private const string Prompt = "How does a lion sound? Answer:", Chosen = " A lion roars.", Rejected = " Wow, what an excellent thing to ask! A lion roars.";
    private static readonly TextRow s_plain = Pair(1, Prompt, Chosen, Rejected);

    [Fact]
    public void LongPrompt_KeepsItsEnd()
    {
        TokenizedPair whole = Assert.Single(Prepare(null, null, s_plain).Pairs());
        PreparedDataset prepared = Prepare(null, 5, s_plain);
        TokenizedPair cut = Assert.Single(prepared.Pairs());
        Assert.Equal(whole.PromptIds[^5..], cut.PromptIds);
        Assert.Equal(whole.ChosenIds, cut.ChosenIds);
        Assert.Equal((1, 0, 0), (prepared.PairReport().PromptsTruncated, prepared.PairReport().ChosenTruncated, prepared.PairReport().RejectedTruncated));
        Assert.Equal(whole.PromptIds.Length, prepared.PairReport().PromptLengths.Maximum);
    }

    [Fact]
    public void LongCompletion_KeepsItsStart()
    {
        TokenizedPair whole = Assert.Single(Prepare(null, null, s_plain).Pairs());
        PreparedDataset prepared = Prepare(5 + whole.ChosenIds.Length, 5, s_plain);
        TokenizedPair cut = Assert.Single(prepared.Pairs());
        Assert.Equal(whole.ChosenIds, cut.ChosenIds);
        Assert.Equal(whole.RejectedIds[..whole.ChosenIds.Length], cut.RejectedIds);
        Assert.Equal((1, 0, 1), (prepared.PairReport().PromptsTruncated, prepared.PairReport().ChosenTruncated, prepared.PairReport().RejectedTruncated));
    }

    [Fact]
    public void PromptThatFillsMaxLength_IsDroppedUnlessItIsCutFirst()
    {
        int prompt = Assert.Single(Prepare(null, null, s_plain).Pairs()).PromptIds.Length;
        Assert.Empty(Prepare(prompt, null, s_plain).Pairs());
        Assert.Single(Prepare(prompt + 1, null, s_plain).Pairs());
        Assert.Single(Prepare(prompt, prompt - 1, s_plain).Pairs());
    }

    [Fact]
    public void PlainCompletion_EndsWithOneEndToken()
    {
        int eos = s_tokenizer.EosId!.Value;
        TokenizedPair appended = Assert.Single(Prepare(null, null, s_plain).Pairs());
        TokenizedPair given = Assert.Single(Prepare(null, null, Pair(1, Prompt, Chosen + s_tokenizer.EosToken, Rejected)).Pairs());
        Assert.Equal(eos, appended.ChosenIds[^1]);
        Assert.Equal(1, appended.ChosenIds.Count(id => id == eos));
        Assert.Equal(appended.ChosenIds, given.ChosenIds);
    }

    [Fact]
    public void BeginToken_IsPrependedOnceWhereTheTokenizerAddsIt()
    {
        using var model = new ModelFolder();
        const string AddsBegin = """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<|im_start|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{"<|im_start|>":{"id":"<|im_start|>","ids":[1],"tokens":["<|im_start|>"]}}}""";
        string json = File.ReadAllText(Path.Combine(model.Path, "tokenizer.json"));
        model.Write("tokenizer.json", json.Replace("\"post_processor\": null", "\"post_processor\": " + AddsBegin));
        ModelTokenizer tokenizer = ModelTokenizer.Load(model.Path);
        Assert.Equal([1], tokenizer.Encode("", addSpecialTokens: true));

        var preparer = new RowPreparer(tokenizer, template: null, new PreparationOptions(null, null));
        PreparedDataset prepared = preparer.Prepare([s_plain, s_plain with { Row = 2, Prompt = "<|im_start|>" + Prompt }], TestContext.Current.CancellationToken);
        int[] without = Assert.Single(Prepare(null, null, s_plain).Pairs()).PromptIds;
        Assert.Equal([1, .. without], prepared.Pairs()[0].PromptIds);
        Assert.Equal(prepared.Pairs()[0].PromptIds, prepared.Pairs()[1].PromptIds);
    }

    [Fact]
    public void Report_DescribesThePairs()
    {
        PreparedDataset prepared = Prepare(null, null, s_plain, Pair(2, Prompt, Rejected, Chosen), s_plain with { Row = 3 });
        PairReport report = prepared.PairReport();
        TokenizedPair first = prepared.Pairs()[0];
        Assert.Equal((3, 3), (report.Rows, report.Pairs));
        Assert.Equal(1.0 / 3, report.ChosenLongerShare, 12);
        Assert.Equal(3 * first.PromptIds.Length, report.PromptTokens);
        Assert.Equal(prepared.Pairs().Sum(p => (2 * p.PromptIds.Length) + p.ChosenIds.Length + p.RejectedIds.Length), report.TokensAnEpoch);
        Assert.Equal((first.ChosenIds.Length, first.ChosenIds.Length, first.RejectedIds.Length), (report.ChosenLengths.Minimum, report.ChosenLengths.Median, report.ChosenLengths.Maximum));
        Assert.Equal(first.PromptIds.Length + first.RejectedIds.Length, report.PairLengths.Minimum);
        Assert.Empty(report.Dropped);
        Assert.Empty(report.Errors);
    }

    [Fact]
    public void RowsToldTwice_AreDuplicatesAndPromptsOfTrainingAreFound()
    {
        TextRow Pair(long row, string prompt, string chosen) => PairPreparationTests.Pair(row, prompt, chosen, " No.");
        RowPreparer preparer = new(s_tokenizer, null, new(null, null));
        CancellationToken token = TestContext.Current.CancellationToken;
        PreparedDataset train = preparer.Prepare([Pair(1, "One:", " A."), Pair(2, "Two:", " A."), Pair(3, "One:", " B."), Pair(5, "One:", " A."), Pair(6, "One:", " A.")], token);
        RowGroup duplicates = Assert.IsType<RowGroup>(train.PairReport().Duplicates);
        Assert.Equal(2, duplicates.Rows);
        Assert.Equal([5, 6], duplicates.FirstRows);
        Assert.Null(train.PairReport().PromptsInTraining);

        PairReport validation = preparer.Prepare([Pair(1, "Three:", " A."), Pair(2, "Two:", " C.")], train.Prompts, token).PairReport();
        Assert.Equal([2], validation.PromptsInTraining!.FirstRows);
        Assert.Null(validation.Duplicates);
    }

    [Fact]
    public void Truncations_AreToldWithReasonAndRows()
    {
        int prompt = Assert.Single(Prepare(null, null, s_plain).Pairs()).PromptIds.Length;
        PreparedDataset prepared = Prepare(prompt + 2, prompt - 1, s_plain, Pair(9, "Hi:", " A.", " B."));
        Assert.Collection(prepared.PairReport().Truncated,
            group => { Assert.Contains("max_prompt_length", group.Reason); Assert.Equal([1], group.FirstRows); },
            group => { Assert.Contains("chosen completion", group.Reason); Assert.Equal([1], group.FirstRows); },
            group => { Assert.Contains("rejected completion", group.Reason); Assert.Equal([1], group.FirstRows); });
    }

    [Fact]
    public void Examination_EqualsPreparationAndShowsTheFirstRows()
    {
        RowPreparer preparer = new(s_tokenizer, null, new(null, null));
        TextRow[] pairs = [s_plain, s_plain with { Row = 2 }, Pair(3, Prompt, " Ä 🦁.", Rejected), s_plain with { Row = 4 }];
        PreparedDataset prepared = preparer.Prepare(pairs, TestContext.Current.CancellationToken);
        ExaminedDataset examined = preparer.Examine(pairs, null, TestContext.Current.CancellationToken);
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(prepared.Report), System.Text.Json.JsonSerializer.Serialize(examined.Report));
        Assert.Equal([1, 2, 3], examined.Preview.Select(p => p.Row));

        PairPreview third = Assert.IsType<PairPreview>(examined.Preview[2]);
        Assert.Equal(prepared.Pairs()[2].PromptIds, third.Prompt.Select(t => t.Id));
        Assert.Equal(prepared.Pairs()[2].ChosenIds, third.Chosen.Select(t => t.Id));
        Assert.Equal(Prompt, string.Concat(third.Prompt.Select(t => t.Text)));
        Assert.Equal(" Ä 🦁." + s_tokenizer.EosToken, string.Concat(third.Chosen.Select(t => t.Text)));
        Assert.All(third.Prompt, token => Assert.False(token.Trained));
        Assert.All([.. third.Chosen, .. third.Rejected], token => Assert.True(token.Trained));
        Assert.Equal(0, third.TokensNotShown);
    }

    [Fact]
    public void LongRow_IsShownAtItsSeam()
    {
        var pair = Pair(1, string.Concat(Enumerable.Repeat("lion ", 2000)) + "end:", string.Concat(Enumerable.Repeat(" roars", 2000)), " No.");
        TokenizedPair whole = Assert.Single(Prepare(null, null, pair).Pairs());
        PairPreview shown = Assert.IsType<PairPreview>(Assert.Single(new RowPreparer(s_tokenizer, null, new(null, null)).Examine([pair], null, TestContext.Current.CancellationToken).Preview));
        Assert.Equal(whole.PromptIds[^512..], shown.Prompt.Select(t => t.Id));
        Assert.Equal(whole.ChosenIds[..512], shown.Chosen.Select(t => t.Id));
        Assert.Equal(whole.PromptIds.Length + whole.ChosenIds.Length - 1024, shown.TokensNotShown);
    }

    [Fact]
    public void CompletionsThatAreCutToTheSame_AreCounted()
    {
        var pair = Pair(7, "Go on:", " A lion roars.", " A lion roars. Yes.");
        int chosen = Assert.Single(Prepare(null, null, pair).Pairs()).ChosenIds.Length - 1;
        int prompt = Assert.Single(Prepare(null, null, pair).Pairs()).PromptIds.Length;
        RowGroup identical = Assert.IsType<RowGroup>(Prepare(prompt + chosen, null, pair).PairReport().IdenticalCompletions);
        Assert.Equal([7], identical.FirstRows);
        Assert.Null(Prepare(null, null, pair).PairReport().IdenticalCompletions);
    }

    [Fact]
    public void MessagesForAModelWithoutTemplate_AreAnError()
    {
        var pair = new ConversationRow(1, RowKind.Preference, [new("user", "Hi")], [[new("assistant", "a")], [new("assistant", "b")]]);
        var preparer = new RowPreparer(s_tokenizer, template: null, new PreparationOptions(null, null));
        PreparedDataset prepared = preparer.Prepare([pair, pair with { Row = 2 }], TestContext.Current.CancellationToken);
        RowGroup error = Assert.Single(prepared.PairReport().Errors);
        Assert.Equal((2, 2), (error.Rows, prepared.PairReport().Rows));
        Assert.Contains("no chat template", error.Reason);
        Assert.Empty(prepared.Pairs());
    }

    [Fact]
    public void RowsThatTheTemplateRefusesOrLeavesOut_AreErrorsWithItsWords()
    {
        using var model = new ModelFolder();
        model.Write("chat_template.jinja", "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system, please') }}{% elif m.content != 'secret' %}{{ m.content }}{% endif %}{% endfor %}");
        ModelTokenizer tokenizer = ModelTokenizer.Load(model.Path);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(model.Path, tokenizer), new PreparationOptions(null, null));
        ConversationRow Pair(long row, string role, string chosen) => new(row, RowKind.Preference, [new(role, "Hi")], [[new("assistant", chosen)], [new("assistant", " no")]]);

        PairReport report = preparer.Prepare([Pair(1, "user", " yes"), Pair(2, "system", " yes"), Pair(3, "user", "secret")], TestContext.Current.CancellationToken).PairReport();

        Assert.Equal(1, report.Pairs);
        Assert.Collection(report.Errors,
            error => { Assert.Contains("No system, please", error.Reason); Assert.Equal([2], error.FirstRows); },
            error => { Assert.Contains("chosen completion", error.Reason); Assert.Equal([3], error.FirstRows); });
    }

    [Fact]
    public void DoubledEndToken_IsAnError()
    {
        ConversationRow Pair(long row, string chosen) => new(row, RowKind.Preference, [new("user", "Hi")], [[new("assistant", chosen)], [new("assistant", "No.")]]);
        PairReport report = Prepare(null, null, Pair(1, "Yes."), Pair(2, "Yes.<|im_end|>")).PairReport();
        RowGroup error = Assert.Single(report.Errors);
        Assert.Contains("<|im_end|> stands twice", error.Reason);
        Assert.Equal([2], error.FirstRows);
        Assert.Equal(1, report.Pairs);
    }

    [Fact]
    public void Preparation_StopsWhenCancelled()
    {
        var preparer = new RowPreparer(s_tokenizer, null, new PreparationOptions(null, null));
        Assert.Throws<OperationCanceledException>(() => preparer.Prepare([s_plain], new CancellationToken(canceled: true)));
    }

    private static PreparedDataset Prepare(int? maxLength, int? maxPromptLength, params TrainingRow[] pairs) =>
        new RowPreparer(s_tokenizer, ChatTemplate.Load(s_model, s_tokenizer), new PreparationOptions(maxLength, maxPromptLength))
            .Prepare(pairs, TestContext.Current.CancellationToken);

    private static TextRow Pair(long row, string prompt, string chosen, string rejected) => new(row, RowKind.Preference, prompt, [chosen, rejected]);
}
