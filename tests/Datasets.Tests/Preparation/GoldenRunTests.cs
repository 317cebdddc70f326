using System.Text;
using System.Text.Json;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tests.Templates;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Preparation;

public sealed class GoldenRunTests
{
    /// <summary>Every run of TRL's DPO trainer on text; the family_* runs start from ids.</summary>
    public static TheoryData<string> Runs { get; } =
        [.. Directory.EnumerateFiles(TestFiles.Golden("training"), "run.json", SearchOption.AllDirectories)
            .Select(file => Path.GetFileName(Path.GetDirectoryName(file))!)
            .Where(run => !run.StartsWith("family_", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Tokens_AreThoseOfTrl(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", name, "run.json")));
        JsonElement run = document.RootElement;
        Assert.SkipWhen(run.TryGetProperty("trainer", out _), "Not a run of the DPO trainer.");
        using var model = new ModelFolder();
        if (run.TryGetProperty("chat_template", out JsonElement template) && template.ValueKind == JsonValueKind.String)
            model.Write("chat_template.jinja", template.GetString()!);
        int maxLength = run.GetProperty("arguments").GetProperty("max_length").GetInt32();
        ModelTokenizer tokenizer = ModelTokenizer.Load(model.Path);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(model.Path, tokenizer), new PreparationOptions(maxLength, MaxPromptLength: null));

        PreparedDataset prepared = preparer.Prepare(Rows(run, name), TestContext.Current.CancellationToken);

        Assert.Empty(prepared.Report.Errors);
        JsonElement[] expected = [.. run.GetProperty("tokens").EnumerateArray()];
        Assert.Equal(expected.Length, prepared.Pairs.Count);
        foreach ((TokenizedPair pair, JsonElement tokens) in prepared.Pairs.Zip(expected))
        {
            // The run records a row before TRL's collator cuts it to max_length, keeping the start.
            int[] prompt = Ids(tokens, "prompt_ids");
            int room = maxLength - prompt.Length;
            Assert.Equal(prompt, pair.PromptIds);
            Assert.Equal(Ids(tokens, "chosen_ids").Take(room), pair.ChosenIds);
            Assert.Equal(Ids(tokens, "rejected_ids").Take(room), pair.RejectedIds);
        }
    }

    [Fact]
    public void RowsDropped_AreReported()
    {
        DatasetReport report = Prepare("rows_dropped", 40);
        RowGroup dropped = Assert.Single(report.Dropped);
        Assert.Equal([1, 2, 3, 4], dropped.FirstRows);
        Assert.Equal((8, 4, 4), (report.Rows, report.Pairs, dropped.Rows));
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
        Assert.Equal(4, report.Pairs);
    }

    private static DatasetReport Prepare(string name, int maxLength)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", name, "run.json")));
        string folder = TestFiles.Golden("training", "model");
        ModelTokenizer tokenizer = ModelTokenizer.Load(folder);
        return new RowPreparer(tokenizer, ChatTemplate.Load(folder, tokenizer), new PreparationOptions(maxLength, null))
            .Prepare(Rows(document.RootElement, name), TestContext.Current.CancellationToken).Report;
    }

    private static int[] Ids(JsonElement tokens, string name) => [.. tokens.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>The run's rows, read as a preference file.</summary>
    private static IEnumerable<PreferencePair> Rows(JsonElement run, string name)
    {
        using JsonDocument shared = JsonDocument.Parse(File.ReadAllText(TestFiles.Golden("training", "rows.json")));
        JsonElement rows = run.TryGetProperty("rows", out JsonElement own) ? own : shared.RootElement.GetProperty(name == "plain_text" ? "plain" : "train");
        string lines = string.Join('\n', rows.EnumerateArray().Select(row => JsonSerializer.Serialize(row)));
        return TrainingFile.Read(new MemoryStream(Encoding.UTF8.GetBytes(lines))).ToList();
    }
}
