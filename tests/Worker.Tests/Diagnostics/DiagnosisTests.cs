using System.Text.Json;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Worker.Diagnostics;

namespace TrainingService.Worker.Tests.Diagnostics;

/// <summary>For each symptom a run that has it and one that does not.</summary>
public sealed class DiagnosisTests
{
    // 100 pairs a log, so that accuracies mean something.
    private static readonly TrainingRecipe s_recipe = new() { LoggingSteps = 5, BatchSize = 20 };
    private static readonly RowFacts s_rows = new() { Rows = 1000, EvaluatedRows = 400, ChosenTokens = 50, RejectedTokens = 50 };

    private static Dictionary<string, double> Healthy(int log) => new()
    {
        [MetricNames.Loss] = Math.Log(2) * Math.Exp(-0.05 * log),
        [MetricNames.GradNorm] = 1 + (0.3 * (log % 3)),
        [MetricNames.RewardsAccuracies] = Math.Min(0.5 + (0.03 * log), 0.85),
        [MetricNames.RewardsMargins] = 0.1 * log,
        [MetricNames.RewardsChosen] = 0.02 * log,
        [MetricNames.Entropy] = 1.5 - (0.02 * log),
    };

    private static List<Finding> Diagnose(IEnumerable<StepMetrics> logs, TrainingRecipe? recipe = null, RowFacts? rows = null, int totalSteps = 100)
    {
        var diagnosis = new Diagnosis(new RunHistory(recipe ?? s_recipe, rows ?? s_rows, totalSteps));
        return [.. diagnosis.Begin(), .. logs.SelectMany(diagnosis.Add)];
    }

    /// <summary>20 training logs, healthy but for what <paramref name="change"/> does to them.</summary>
    private static IEnumerable<StepMetrics> Train(Action<int, Dictionary<string, double>>? change = null) => Enumerable.Range(1, 20).Select(log =>
    {
        Dictionary<string, double> values = Healthy(log);
        change?.Invoke(log, values);
        return new StepMetrics(5 * log, MetricSplit.Train, 0.1 * log, values);
    });

    private static IEnumerable<StepMetrics> Evaluations(string metric, params double[] values) =>
        values.Select((v, i) => new StepMetrics(10 * (i + 1), MetricSplit.Eval, i + 1, new Dictionary<string, double> { [metric] = v }));

    private static Finding AssertOne(string symptom, List<Finding> found)
    {
        Finding finding = Assert.Single(found);
        Assert.Equal(symptom, finding.Symptom);
        Assert.All(finding.Numbers.Values, v => Assert.True(double.IsFinite(v)));
        return finding;
    }

    [Fact]
    public void HealthyRun_IsLeftInPeace() => Assert.Empty(Diagnose(Train()));

    [Fact]
    public void ChosenFallingUnderGrowingMargins_IsTold()
    {
        // beta 0.1 · 50 tokens · 0.1 nats = 0.5: passed by the mean of logs 9 to 11.
        Finding finding = AssertOne("chosen_less_likely", Diagnose(Train((log, v) => v[MetricNames.RewardsChosen] = -0.051 * log)));
        Assert.Equal(-0.51, finding.Numbers[MetricNames.RewardsChosen], 9);
        Assert.Equal(0.102, finding.Numbers["nats_a_token"], 9);
        Assert.Contains("[\"sigmoid\", \"sft\"]", finding.Message, StringComparison.Ordinal);
        Assert.Empty(Diagnose(Train((log, v) => v[MetricNames.RewardsChosen] = -0.02 * log)));
    }

    [Fact]
    public void ChosenFallingWithTheMargins_IsAnotherMatter() =>
        Assert.Empty(Diagnose(Train((log, v) => (v[MetricNames.RewardsChosen], v[MetricNames.RewardsMargins]) = (-0.05 * log, 1 - (0.01 * log)))));

    [Fact]
    public void AccuracyAtOneHalf_IsToldAfterEnoughSteps()
    {
        Finding finding = AssertOne("accuracy_at_chance", Diagnose(Train((log, v) => v[MetricNames.RewardsAccuracies] = log % 2 == 0 ? 0.52 : 0.49)));
        // A quarter of 100 steps, and three logs of 100 pairs.
        Assert.Contains("After 25 of 100 steps", finding.Message, StringComparison.Ordinal);
        Assert.Equal(300, finding.Numbers["pairs"]);
        Assert.Empty(Diagnose(Train((log, v) => v[MetricNames.RewardsAccuracies] = log <= 3 ? 0.5 : 0.7)));
    }

    [Fact]
    public void MarginsBeyondFifteen_AreTold()
    {
        Finding finding = AssertOne("overconfident", Diagnose(Train((log, v) => v[MetricNames.RewardsMargins] = log)));
        Assert.Equal(16, finding.Numbers[MetricNames.RewardsMargins]);
    }

    [Fact]
    public void LossOfNothing_IsTold() =>
        AssertOne("overconfident", Diagnose(Train((log, v) => v[MetricNames.Loss] = log < 10 ? v[MetricNames.Loss] : 0.004)));

    [Fact]
    public void ValidationLossRising_IsTold_OnceTwoEvaluationsAreWorse()
    {
        Finding finding = AssertOne("overfitting", Diagnose(Evaluations(MetricNames.Loss, 0.6, 0.5, 0.53, 0.56, 0.7)));
        Assert.Equal((0.5, 20, 0.56), (finding.Numbers["best"], finding.Numbers["best_step"], finding.Numbers["now"]));
        Assert.Empty(Diagnose(Evaluations(MetricNames.Loss, 0.6, 0.5, 0.55, 0.51, 0.52)));
    }

    [Fact]
    public void ValidationAccuracyFalling_IsTold_BeyondItsNoise()
    {
        AssertOne("overfitting", Diagnose(Evaluations(MetricNames.RewardsAccuracies, 0.7, 0.75, 0.68, 0.66)));
        // Among 16 rows an accuracy that is lower by a quarter is within two standard errors.
        Assert.Empty(Diagnose(Evaluations(MetricNames.RewardsAccuracies, 0.7, 0.75, 0.55, 0.55), rows: s_rows with { EvaluatedRows = 16 }));
    }

    [Theory]
    [InlineData(0.9, 120, 60, "longer")]
    [InlineData(0.1, 60, 120, "shorter")]
    public void LengthThatTellsPairsApart_IsToldBeforeTheFirstStep(double share, double chosen, double rejected, string word)
    {
        Finding finding = AssertOne("length_bias", Diagnose([], rows: s_rows with { ChosenLongerShare = share, ChosenTokens = chosen, RejectedTokens = rejected }));
        Assert.Contains($"answers may grow {word}", finding.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LengthNearHalf_OrOfEqualPairs_IsNotTold()
    {
        Assert.Empty(Diagnose([], rows: s_rows with { ChosenLongerShare = 0.65, ChosenTokens = 60 }));
        Assert.Empty(Diagnose([], rows: s_rows with { ChosenLongerShare = 0 }));
    }

    [Fact]
    public void LossAboveTwiceItsStart_IsARateTooHigh()
    {
        Finding finding = AssertOne("learning_rate_too_high", Diagnose(Train((log, v) => v[MetricNames.Loss] = log < 8 ? 0.6 : 2.5)));
        Assert.Equal(Math.Log(2), finding.Numbers["loss_at_start"], 9);
        Assert.Equal(5e-5, finding.Numbers[MetricNames.LearningRate]);
    }

    [Fact]
    public void GradientSpikes_AreARateTooHigh_OneAloneIsNot()
    {
        AssertOne("learning_rate_too_high", Diagnose(Train((log, v) => v[MetricNames.GradNorm] = log is 9 or 12 ? 40 : 1)));
        Assert.Empty(Diagnose(Train((log, v) => v[MetricNames.GradNorm] = log is 9 ? 40 : 1)));
    }

    [Fact]
    public void AccuracyLostAgain_IsARateTooHigh() =>
        Assert.Contains(Diagnose(Train((log, v) => v[MetricNames.RewardsAccuracies] = log <= 10 ? 0.8 : 0.35)), f => f.Symptom == "learning_rate_too_high");

    [Fact]
    public void NoGradientFromTheStart_IsTold()
    {
        AssertOne("nothing_trains", Diagnose(Train((log, v) => v[MetricNames.GradNorm] = 0)));
        Assert.Empty(Diagnose(Train((log, v) => v[MetricNames.GradNorm] = log < 15 ? 1 : 0)));
    }

    private static readonly TrainingRecipe s_kto = s_recipe with { Method = TrainingMethod.Kto };

    private static IEnumerable<StepMetrics> Kto(Func<int, double> kl, double chosen = 0.3) => Train((log, v) =>
    {
        v.Remove(MetricNames.RewardsAccuracies);
        (v[MetricNames.Kl], v[MetricNames.RewardsChosen]) = (kl(log), chosen);
    });

    [Fact]
    public void DivergenceStuckAtZero_IsTold_OnceThePolicyHasMoved()
    {
        AssertOne("kl_at_zero", Diagnose(Kto(_ => 0), s_kto));
        Assert.Empty(Diagnose(Kto(_ => 0, chosen: 0.01), s_kto));
        Assert.Empty(Diagnose(Kto(log => log % 5 == 0 ? 0.4 : 0), s_kto));
    }

    [Fact]
    public void DivergenceExploding_IsTold() => AssertOne("kl_exploding", Diagnose(Kto(log => 5 * log), s_kto));

    [Fact]
    public void UnbalancedThumbs_AreTold_WithTrlsRanges()
    {
        // 300 up, 100 down: TRL's desirable range is [100/300, 1.33 · 100/300], its undesirable one [3 / 1.33, 3].
        Finding finding = AssertOne("unbalanced_thumbs", Diagnose([], s_kto, s_rows with { ThumbsUp = 300, ThumbsDown = 100 }));
        Assert.Equal((0.33, 0.44, 2.26, 3.0), (finding.Numbers["desirable_weight_from"], finding.Numbers["desirable_weight_to"], finding.Numbers["undesirable_weight_from"], finding.Numbers["undesirable_weight_to"]));
        Assert.Empty(Diagnose([], s_kto with { DesirableWeight = 0.4 }, s_rows with { ThumbsUp = 300, ThumbsDown = 100 }));
        Assert.Empty(Diagnose([], s_kto, s_rows with { ThumbsUp = 200, ThumbsDown = 200 }));
    }

    [Fact]
    public void SupervisedLossThatStands_IsTold()
    {
        TrainingRecipe recipe = s_recipe with { Method = TrainingMethod.Supervised };
        static IEnumerable<StepMetrics> Logs(Func<int, double> loss) => Enumerable.Range(1, 20).Select(log =>
            new StepMetrics(5 * log, MetricSplit.Train, 1, new Dictionary<string, double> { [MetricNames.Loss] = loss(log), [MetricNames.GradNorm] = 1 }));
        AssertOne("loss_not_falling", Diagnose(Logs(log => 2 + (0.01 * (log % 3))), recipe));
        Assert.Empty(Diagnose(Logs(log => 2 * Math.Exp(-0.03 * log)), recipe));
    }

    [Fact]
    public void EntropyCollapsing_IsTold() =>
        AssertOne("entropy_collapse", Diagnose(Train((log, v) => v[MetricNames.Entropy] = 2 * Math.Exp(-0.3 * log))));

    [Fact]
    public void HistoryReadAgain_TellsTheSameAndNothingTwice()
    {
        StepMetrics[] logs = [.. Train((log, v) => (v[MetricNames.RewardsChosen], v[MetricNames.RewardsMargins]) = (-0.05 * log, log))];
        List<Finding> whole = Diagnose(logs);
        Assert.Equal(["chosen_less_likely", "overconfident"], whole.Select(f => f.Symptom));

        // Taken over after log 14: what was told before is found again under its name, the rest later.
        var resumed = new Diagnosis(new RunHistory(s_recipe, s_rows, 100));
        List<Finding> before = [.. resumed.Begin(), .. logs.Take(14).SelectMany(resumed.Add)], after = [.. logs.Skip(13).SelectMany(resumed.Add)];
        Assert.Equal(whole.Select(f => f.Message), before.Concat(after).Select(f => f.Message));
    }

    public static TheoryData<string> GoldenRuns =>
        [.. Directory.EnumerateFiles(RepositoryRoot.PathOf("tests", "golden", "training"), "run.json", SearchOption.AllDirectories).Select(f => Path.GetFileName(Path.GetDirectoryName(f)!)).Order()];

    [Theory, MemberData(nameof(GoldenRuns))]
    public void GoldenRun_OfAFewSteps_IsLeftInPeace(string name)
    {
        using JsonDocument run = JsonDocument.Parse(File.ReadAllBytes(RepositoryRoot.PathOf("tests", "golden", "training", name, "run.json")));
        JsonElement arguments = run.RootElement.GetProperty("arguments");
        var recipe = new TrainingRecipe
        {
            LoggingSteps = 1,
            Method = run.RootElement.TryGetProperty("trainer", out JsonElement trainer) ? s_methods[trainer.GetString()!] : TrainingMethod.Dpo,
            LossTypes = !arguments.TryGetProperty("loss_type", out JsonElement loss) ? [LossType.Sigmoid]
                : [.. (loss.ValueKind == JsonValueKind.Array ? loss.EnumerateArray().Select(l => l.GetString()) : [loss.GetString()]).Select(WireNames.Parse<LossType>).OfType<LossType>()],
            Beta = arguments.TryGetProperty("beta", out JsonElement beta) ? beta.GetDouble() : 0.1,
        };
        Assert.Empty(Diagnose(Logs(run.RootElement.GetProperty("log")), recipe, totalSteps: 8));
    }

    private static readonly Dictionary<string, TrainingMethod> s_methods = new()
    {
        ["DPOTrainer"] = TrainingMethod.Dpo, ["SFTTrainer"] = TrainingMethod.Supervised, ["KTOTrainer"] = TrainingMethod.Kto,
        ["ORPOTrainer"] = TrainingMethod.Orpo, ["CPOTrainer"] = TrainingMethod.Cpo,
    };

    [Fact]
    public void Demo_IsLeftInPeace()
    {
        using JsonDocument run = JsonDocument.Parse(File.ReadAllBytes(RepositoryRoot.PathOf("tests", "golden", "demo", "trl.json")));
        Assert.Empty(Diagnose(Logs(run.RootElement.GetProperty("log")), new TrainingRecipe { Beta = 0.3, BatchSize = 8 }, s_rows with { ChosenTokens = 8 }, totalSteps: 60));
    }

    /// <summary>TRL's log as the service would keep it.</summary>
    private static IEnumerable<StepMetrics> Logs(JsonElement log)
    {
        foreach (JsonElement row in log.EnumerateArray())
        {
            Dictionary<string, double> values = row.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Number).ToDictionary(p => p.Name, p => p.Value.GetDouble());
            if (!values.ContainsKey("loss") && !values.ContainsKey("eval_loss")) continue;
            bool eval = values.ContainsKey("eval_loss");
            yield return new((int)values["step"], eval ? MetricSplit.Eval : MetricSplit.Train, values.GetValueOrDefault("epoch"),
                values.ToDictionary(v => eval ? v.Key.Replace("eval_", "", StringComparison.Ordinal) : v.Key, v => v.Value));
        }
    }
}
