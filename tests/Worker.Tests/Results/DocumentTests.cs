using System.Globalization;
using System.Xml.Linq;
using System.Text.Json;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Tests.Results;

public sealed class DocumentTests
{
    private static readonly StepMetrics[] s_logs =
    [
        .. Enumerable.Range(1, 600).Select(step => new StepMetrics(step, MetricSplit.Train, step / 300.0, new Dictionary<string, double>
        {
            [MetricNames.Loss] = 0.7 * Math.Exp(-step / 300.0), [MetricNames.RewardsMargins] = step / 100.0, [MetricNames.RewardsAccuracies] = Math.Min(1, 0.5 + (step / 1000.0)),
        })),
        new(600, MetricSplit.Eval, 2, new Dictionary<string, double> { [MetricNames.Loss] = 0.1234567, [MetricNames.RewardsMargins] = 5.5 }),
    ];

    [Fact]
    public void Curves_AreAPictureOfEachMetric()
    {
        var svg = XDocument.Parse(Curves.Svg(s_logs));
        XNamespace ns = "http://www.w3.org/2000/svg";
        Assert.Equal(["loss", "reward margin", "reward accuracy"], svg.Descendants(ns + "text").Where(t => t.Attribute("font-weight") is not null).Select(t => t.Value));
        XElement[] lines = [.. svg.Descendants(ns + "polyline")];
        Assert.Equal(3, lines.Length);
        double[][] margins = [.. lines[1].Attribute("points")!.Value.Split(' ').Select(p => p.Split(',').Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray())];
        Assert.InRange(margins.Length, 100, 250);
        // Steps run to the right, a growing margin runs up, all within the panel.
        Assert.True(margins.Zip(margins.Skip(1)).All(p => p.First[0] < p.Second[0] && p.First[1] > p.Second[1]));
        Assert.All(margins, p => Assert.True(p[0] is >= 52 and <= 326.1 && p[1] is >= 34 and <= 190));
        Assert.Equal(2, svg.Descendants(ns + "circle").Count());
    }

    [Fact]
    public void Curves_OfOneLogOrNone_AreAPictureToo()
    {
        XDocument.Parse(Curves.Svg([]));
        XDocument.Parse(Curves.Svg([.. s_logs.Take(1)]));
    }

    [Fact]
    public void Card_NamesMethodDataAndEvaluation()
    {
        string card = ModelCard.Of("ft:base:me:x:1", "org/base", new() { Method = TrainingMethod.Cpo, CpoLossType = CpoLossType.Simpo, CpoAlpha = 0 },
            ModelCard.Describe(new("rows.jsonl", 12, "abc") { Id = "file-1" }, ["Training file checked: 3 rows."]), s_logs);
        Assert.StartsWith("---\nbase_model: org/base\nlibrary_name: peft\n", card, StringComparison.Ordinal);
        Assert.Contains("- cpo\n- lora\n---\n# ft:base:me:x:1", card, StringComparison.Ordinal);
        Assert.Contains("SimPO ([arXiv 2405.14734](https://arxiv.org/abs/2405.14734)).", card, StringComparison.Ordinal);
        Assert.Contains("- `rows.jsonl` (file-1, 12 bytes, sha256 `abc`)\n  - Training file checked: 3 rows.", card, StringComparison.Ordinal);
        Assert.Contains("| 600 | 2 | 0.1235 | 5.5000 |", card, StringComparison.Ordinal);
        Assert.Contains("vllm serve org/base --enable-lora --max-lora-rank 8", card, StringComparison.Ordinal);
        Assert.Contains("convert_lora_to_gguf.py", card, StringComparison.Ordinal);
    }

    [Fact]
    public void Card_OfAnAdapterThatOthersCannotLoad_SaysSo()
    {
        string card = ModelCard.Of("x", "base", new() { Lora = new() { UseDora = true } }, "", []);
        Assert.DoesNotContain("vllm serve", card, StringComparison.Ordinal);
        Assert.DoesNotContain("convert_lora_to_gguf.py", card, StringComparison.Ordinal);
        Assert.Contains("merge_and_unload", card, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryMethodAndLoss_HasItsDescription()
    {
        foreach (TrainingMethod method in Enum.GetValues<TrainingMethod>()) Assert.NotEmpty(Papers.Describe(new() { Method = method }));
        foreach (LossType loss in Enum.GetValues<LossType>().Where(l => l != LossType.Sft))
            Assert.Matches(@"loss \w+ \(\[arXiv \d{4}\.\d{5}\]", Papers.Describe(new() { LossTypes = [loss] }));
    }

    [Fact]
    public void JsonLines_HoldEveryLog()
    {
        using var writer = new StringWriter { NewLine = "\n" };
        MetricsJsonLines.Write(writer, s_logs);
        string[] lines = writer.ToString().TrimEnd('\n').Split('\n');
        Assert.Equal(s_logs.Length, lines.Length);
        using JsonDocument last = JsonDocument.Parse(lines[^1]);
        Assert.Equal((600, "eval", 0.1234567), (last.RootElement.GetProperty("step").GetInt32(), last.RootElement.GetProperty("split").GetString(), last.RootElement.GetProperty("loss").GetDouble()));
    }

    public static TheoryData<TrainingMethod> Methods => [.. Enum.GetValues<TrainingMethod>()];

    [Theory, MemberData(nameof(Methods))]
    public void ManifestsRequest_IsOneThatTheServiceTakes_AndGivesTheSameRecipe(TrainingMethod method)
    {
        var recipe = new TrainingRecipe { Method = method, Seed = 9, LearningRate = 3e-4, BatchSize = 4, EvalStrategy = IntervalStrategy.Steps, EvalSteps = 7, EarlyStoppingPatience = 2, MaxLength = null };
        string name = WireNames.Of(method);
        using JsonDocument request = JsonDocument.Parse(Manifest.RequestOf("base", "file-1", "file-2", null, null, recipe).ToJsonString());
        JsonElement settings = request.RootElement.GetProperty("method").GetProperty(name);
        (TrainingRecipe read, IReadOnlyList<RecipeProblem> problems) = RecipeJson.Read(method, settings.GetProperty("hyperparameters"), settings.GetProperty("lora"), columns: null, 9, hasValidationFile: true);
        Assert.Empty(problems);
        Assert.Equal(RecipeJson.Write(recipe).ToJsonString(), RecipeJson.Write(read).ToJsonString());
    }
}
