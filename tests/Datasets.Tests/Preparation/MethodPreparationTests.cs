using System.Text.Json;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tests.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class MethodPreparationTests
{
    private static readonly string s_model = TestFiles.Golden("training", "model");
    private static readonly ModelTokenizer s_tokenizer = ModelTokenizer.Load(s_model);

    [Theory]
    [InlineData(TrainingMethod.Dpo, "trl_text", null)]
    [InlineData(TrainingMethod.Kto, "trl_text", null)]
    [InlineData(TrainingMethod.Supervised, "trl_text", null)]
    [InlineData(TrainingMethod.Supervised, "sharegpt_kto", null)]
    [InlineData(TrainingMethod.Kto, "sharegpt_kto", null)]
    [InlineData(TrainingMethod.Orpo, "sharegpt_kto", "labelled completions, which train with the method kto (or supervised). The method orpo needs pairs")]
    [InlineData(TrainingMethod.Cpo, "openai_chat", "train with the method supervised. The method cpo needs pairs")]
    [InlineData(TrainingMethod.Kto, "alpaca", "The method kto needs rows with a label, or pairs")]
    public void Methods_TakeTheirRows(TrainingMethod method, string shape, string? problem)
    {
        if (problem is null) Assert.Null(MethodRows.Problem(method, RowShape.Named(shape)!));
        else Assert.Contains(problem, MethodRows.Problem(method, RowShape.Named(shape)!));
    }

    [Fact]
    public void Kto_TakesPairsApart_AllChosenFirst()
    {
        PreparedDataset prepared = Prepare(TrainingMethod.Kto, Pair(1, "One:"), Pair(2, "Two:"));
        Assert.Equal([(1, true), (2, true), (1, false), (2, false)], prepared.Rows.Cast<TokenizedExample>().Select(e => ((int)e.Row, e.Label)));
        LabelledReport report = Assert.IsType<LabelledReport>(prepared.Report);
        Assert.Equal((2, 4, 2, 2), (report.Rows, report.Kept, report.Desirable, report.Undesirable));
        Assert.Equal(prepared.Rows.Cast<TokenizedExample>().Sum(e => e.PromptIds.Length + e.CompletionIds.Length), report.TokensAnEpoch);
    }

    [Fact]
    public void Supervised_LearnsFromChosenAndDesirable()
    {
        PreparedDataset pairs = Prepare(TrainingMethod.Supervised, Pair(1, "One:"));
        var sequence = Assert.IsType<TokenizedSequence>(Assert.Single(pairs.Rows));
        Assert.Equal(" Yes." + s_tokenizer.EosToken, Trained(sequence));
        TextRow Labelled(long row, bool label) => new(row, RowKind.Labelled, "One:", [" Yes."]) { Label = label };
        PreparedDataset labelled = Prepare(TrainingMethod.Supervised, Labelled(1, true), Labelled(2, false));
        Assert.Equal([1], labelled.Rows.Select(r => r.Row));
        RowGroup dropped = Assert.Single(labelled.Report.Dropped);
        Assert.Equal([2], dropped.FirstRows);
        Assert.Equal((2, 1), (labelled.Report.Rows, labelled.Report.Kept));
    }

    [Fact]
    public void Conversation_TrainsTheAssistantsTurnsButThoseOfWeightZero()
    {
        PreparedDataset prepared = Prepare(TrainingMethod.Supervised, Chat(1, 0), Chat(2, 1));
        Assert.Equal(["Five.<|im_end|>\n", "Four.<|im_end|>\nFive.<|im_end|>\n"], prepared.Rows.Cast<TokenizedSequence>().Select(Trained));
        SupervisedReport report = Assert.IsType<SupervisedReport>(prepared.Report);
        Assert.Equal((2, 0, null), (report.Kept, report.TurnsNotTrained, report.RowsWithTurnsNotTrained));
        Assert.Equal(prepared.Rows.Cast<TokenizedSequence>().Sum(s => s.Trained.Count(t => t)), report.TrainedTokens);
        var all = (TokenizedSequence)RowPreparer.Load(s_model, new(null, null) { Method = TrainingMethod.Supervised, AssistantOnlyLoss = false })
            .Prepare([Chat(1, 0)], TestContext.Current.CancellationToken).Rows[0];
        Assert.DoesNotContain(false, all.Trained);
    }

    [Fact]
    public void TurnsThatTheTemplatePrintsOtherwiseLater_AreCountedAndNotTrained()
    {
        using var model = new ModelFolder();
        model.Write("chat_template.jinja", "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and not loop.last %}(short){% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}");
        PreparedDataset prepared = RowPreparer.Load(model.Path, new(null, null) { Method = TrainingMethod.Supervised }).Prepare([Chat(3, 1)], TestContext.Current.CancellationToken);
        Assert.Equal("Five.<|im_end|>\n", Trained((TokenizedSequence)prepared.Rows[0]));
        SupervisedReport report = Assert.IsType<SupervisedReport>(prepared.Report);
        Assert.Equal(1, report.TurnsNotTrained);
        Assert.Equal([3], report.RowsWithTurnsNotTrained!.FirstRows);
    }

    [Fact]
    public void LongSequence_KeepsItsStartAndIsDroppedWithoutTrainedTokens()
    {
        var whole = (TokenizedSequence)Prepare(TrainingMethod.Supervised, Chat(1, 0)).Rows[0];
        int first = Array.IndexOf(whole.Trained, true);
        PreparedDataset cut = RowPreparer.Load(s_model, new(first + 1, null) { Method = TrainingMethod.Supervised }).Prepare([Chat(1, 0)], TestContext.Current.CancellationToken);
        Assert.Equal(whole.Ids[..(first + 1)], ((TokenizedSequence)cut.Rows[0]).Ids);
        Assert.Equal(1, Assert.IsType<SupervisedReport>(cut.Report).SequencesTruncated);
        PreparedDataset none = RowPreparer.Load(s_model, new(first, null) { Method = TrainingMethod.Supervised }).Prepare([Chat(1, 0)], TestContext.Current.CancellationToken);
        Assert.Empty(none.Rows);
        Assert.Contains($"max_length ({first})", Assert.Single(none.Report.Dropped).Reason);
    }

    [Fact]
    public void TokenIds_NeedNoTokenizerAndAreHeldAgainstTheVocabulary()
    {
        var preparer = new RowPreparer(tokenizer: null, template: null, new(null, null), vocabularySize: 10);
        TokenRow Row(long row, int id) => new(row, RowKind.Preference, [1, 1], [[id], [2, 2]]);
        PreparedDataset prepared = preparer.Prepare([Row(1, 9), Row(2, 10), Pair(3, "One:")], TestContext.Current.CancellationToken);
        var pair = Assert.IsType<TokenizedPair>(Assert.Single(prepared.Rows));
        Assert.Equal([1, 1], pair.PromptIds);
        Assert.Equal([9], pair.ChosenIds);
        Assert.Collection(prepared.Report.Errors,
            error => Assert.Contains("The token id 10 is none of the model's, which go from 0 to 9", error.Reason),
            error => Assert.Contains("no tokenizer.json", error.Reason));
    }

    [Fact]
    public void ReportsAndPreviews_AreWrittenWithTheirKind()
    {
        JsonSerializerOptions snake = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
        foreach ((TrainingMethod method, string kind, string field) in new[] { (TrainingMethod.Dpo, "preference", "chosen_tokens"), (TrainingMethod.Kto, "labelled", "desirable"), (TrainingMethod.Supervised, "supervised", "trained_tokens") })
        {
            ExaminedDataset examined = RowPreparer.Load(s_model, new(null, null) { Method = method }).Examine([Pair(1, "One:")], null, TestContext.Current.CancellationToken);
            JsonElement report = JsonSerializer.SerializeToElement(examined.Report, snake);
            Assert.Equal(kind, report.GetProperty("kind").GetString());
            Assert.True(report.GetProperty(field).GetInt32() > 0);
            Assert.Equal(kind, JsonSerializer.SerializeToElement(examined.Preview, snake)[0].GetProperty("kind").GetString());
        }
    }

    private static PreparedDataset Prepare(TrainingMethod method, params TrainingRow[] rows) =>
        RowPreparer.Load(s_model, new(null, null) { Method = method }).Prepare(rows, TestContext.Current.CancellationToken);

    private static TextRow Pair(long row, string prompt) => new(row, RowKind.Preference, prompt, [" Yes.", " No."]);

    private static ConversationRow Chat(long row, long firstWeight) => new(row, RowKind.Supervised, [],
    [[
        new("user", "Two and two?"), new(new OrderedDictionary<string, object?> { ["role"] = "assistant", ["content"] = "Four.", ["weight"] = firstWeight }),
        new("user", "Two and three?"), new("assistant", "Five."),
    ]]);

    private static string Trained(TokenizedSequence sequence) =>
        s_tokenizer.Decode(sequence.Ids.Where((_, i) => sequence.Trained[i]), skipSpecialTokens: false);
}
