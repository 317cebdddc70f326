using System.Text;
using System.Text.Json;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tests.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class GoldenRunTests
{
    private static readonly ColumnMapping s_texts = new(new Dictionary<string, string> { ["chosen"] = "chosen", ["rejected"] = "rejected" });

    /// <summary>Every run of TRL's DPO trainer on text; the family_* runs start from ids.</summary>
    public static TheoryData<string> Runs { get; } = [.. RunsOf(trainer => trainer is null).Where(run => !run.StartsWith("family_", StringComparison.Ordinal))];

    /// <summary>Every run of TRL's other trainers.</summary>
    public static TheoryData<string> RunsOfOtherTrainers { get; } = [.. RunsOf(trainer => trainer is "KTOTrainer" or "SFTTrainer" or "ORPOTrainer" or "CPOTrainer")];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Tokens_AreThoseOfTrl(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", name, "run.json")));
        JsonElement run = document.RootElement;
                using var model = new ModelFolder();
        if (run.TryGetProperty("chat_template", out JsonElement template) && template.ValueKind == JsonValueKind.String)
            model.Write("chat_template.jinja", template.GetString()!);
        int maxLength = run.GetProperty("arguments").GetProperty("max_length").GetInt32();
        ModelTokenizer tokenizer = ModelTokenizer.Load(model.Path);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(model.Path, tokenizer), new PreparationOptions(maxLength, MaxPromptLength: null));

        PreparedDataset prepared = preparer.Prepare(Rows(run, name), TestContext.Current.CancellationToken);

        Assert.Empty(prepared.Report.Errors);
        JsonElement[] expected = [.. run.GetProperty("tokens").EnumerateArray()];
        Assert.Equal(expected.Length, prepared.Pairs().Count);
        foreach ((TokenizedPair pair, JsonElement tokens) in prepared.Pairs().Zip(expected))
        {
            // The run records a row before TRL's collator cuts it to max_length, keeping the start.
            int[] prompt = Ids(tokens, "prompt_ids");
            int room = maxLength - prompt.Length;
            Assert.Equal(prompt, pair.PromptIds);
            Assert.Equal(Ids(tokens, "chosen_ids").Take(room), pair.ChosenIds);
            Assert.Equal(Ids(tokens, "rejected_ids").Take(room), pair.RejectedIds);
        }
    }

    [Theory]
    [MemberData(nameof(RunsOfOtherTrainers))]
    public void TokensOfOtherTrainers_AreThoseOfTrl(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", name, "run.json")));
        JsonElement run = document.RootElement;
        TrainingMethod method = run.GetProperty("trainer").GetString() switch
        {
            "KTOTrainer" => TrainingMethod.Kto,
            "SFTTrainer" => TrainingMethod.Supervised,
            "ORPOTrainer" => TrainingMethod.Orpo,
            _ => TrainingMethod.Cpo,
        };
        RowPreparer preparer = RowPreparer.Load(TestFiles.Golden("training", "model"),
            new(run.GetProperty("arguments").GetProperty("max_length").GetInt32(), null) { Method = method, AssistantOnlyLoss = name != "sft_all_tokens" });

        PreparedDataset prepared = preparer.Prepare(Rows(run, name), TestContext.Current.CancellationToken);

        Assert.Empty(prepared.Report.Errors);
        JsonElement[] expected = [.. run.GetProperty("tokens").EnumerateArray()];
        Assert.Equal(expected.Length, prepared.Rows.Count);
        foreach ((TokenizedRow row, JsonElement tokens) in prepared.Rows.Zip(expected))
        {
            switch (row)
            {
                case TokenizedPair pair:
                    foreach ((string side, int[] completion) in new[] { ("chosen", pair.ChosenIds), ("rejected", pair.RejectedIds) })
                    {
                        Assert.Equal(Ids(tokens, side + "_input_ids"), (int[])[.. pair.PromptIds, .. completion]);
                        Assert.Equal(Ids(tokens, side + "_labels"), (int[])[.. pair.PromptIds.Select(_ => -100), .. completion]);
                    }
                    break;
                case TokenizedExample example:
                    Assert.Equal(Ids(tokens, "prompt_ids"), example.PromptIds);
                    Assert.Equal(Ids(tokens, "completion_ids"), example.CompletionIds);
                    Assert.Equal(tokens.GetProperty("label").GetBoolean(), example.Label);
                    break;
                default:
                    TokenizedSequence sequence = Assert.IsType<TokenizedSequence>(row);
                    Assert.Equal(Ids(tokens, "input_ids"), sequence.Ids);
                    Assert.Equal(Ids(tokens, "labels"), sequence.Ids.Zip(sequence.Trained, (id, trained) => trained ? id : -100));
                    break;
            }
        }
    }

    [Fact]
    public void RowsDropped_AreReported()
    {
        DatasetReport report = Prepare("rows_dropped", 40);
        RowGroup dropped = Assert.Single(report.Dropped);
        Assert.Equal([1, 2, 3, 4], dropped.FirstRows);
        Assert.Equal((8, 4, 4), (report.Rows, report.Kept, dropped.Rows));
        Assert.Contains("max_length (40)", dropped.Reason);
        Assert.Null(report.PromptNotPrefix);
    }

    [Fact]
    public void PromptThatIsNoPrefix_IsReported()
    {
        using var model = new ModelFolder();
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", "prompt_no_prefix", "run.json")));
        model.Write("chat_template.jinja", document.RootElement.GetProperty("chat_template").GetString()!);
        ModelTokenizer tokenizer = ModelTokenizer.Load(model.Path);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(model.Path, tokenizer), new PreparationOptions(null, null));
        DatasetReport report = preparer.Prepare(Rows(document.RootElement, "prompt_no_prefix"), TestContext.Current.CancellationToken).Report;
        Assert.Equal(4, report.PromptNotPrefix!.Rows);
        Assert.Equal(4, report.Kept);
    }

    private static DatasetReport Prepare(string name, int maxLength)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", name, "run.json")));
        string folder = TestFiles.Golden("training", "model");
        ModelTokenizer tokenizer = ModelTokenizer.Load(folder);
        return new RowPreparer(tokenizer, ChatTemplate.Load(folder, tokenizer), new PreparationOptions(maxLength, null))
            .Prepare(Rows(document.RootElement, name), TestContext.Current.CancellationToken).Report;
    }

    private static IEnumerable<string> RunsOf(Func<string?, bool> isWanted) =>
        Directory.EnumerateFiles(TestFiles.Golden("training"), "run.json", SearchOption.AllDirectories)
            .Where(file => isWanted(JsonElement.Parse(File.ReadAllText(file)).TryGetProperty("trainer", out JsonElement trainer) ? trainer.GetString() : null))
            .Select(file => Path.GetFileName(Path.GetDirectoryName(file))!)
            .Order(StringComparer.Ordinal);

    private static int[] Ids(JsonElement tokens, string name) => [.. tokens.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>The run's rows, read as a training file.</summary>
    private static IEnumerable<TrainingRow> Rows(JsonElement run, string name)
    {
        using JsonDocument shared = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", "rows.json")));
        JsonElement rows = run.TryGetProperty("rows", out JsonElement own) ? own : shared.RootElement.GetProperty(name == "plain_text" ? "plain" : "train");
        string lines = string.Join('\n', rows.EnumerateArray().Select(row => JsonSerializer.Serialize(row)));
        // TRL takes transcripts as the texts that they are.
        return TrainingFile.Read(new MemoryStream(Encoding.UTF8.GetBytes(lines)), name == "implicit_prompt_text" ? s_texts : null).ToList();
    }
}
