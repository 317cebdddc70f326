using System.Globalization;
using System.Text.Json.Nodes;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Worker.Diagnostics;

namespace TrainingService.Worker.Jobs;

/// <summary>
/// What a worker tells about a job, in plain words. The occasion decides an event's id: what a resumed run tells again is
/// the same event, and what may happen at each claim carries the claim's number.
/// </summary>
internal sealed class JobEvents(string jobId, int epoch, TimeProvider timeProvider)
{
    public JobEvent Started(string model) => Info("started", $"The job has started from {model}.");

    public JobEvent Split(ValidationSplit split) =>
        Info("validation-split", $"{split.ValidationRows} of {split.ValidationRows + split.TrainingRows} rows are set aside for evaluation; no prompt is on both sides.");

    public IEnumerable<JobEvent> FileChecked(string role, DatasetReport report)
    {
        (string kept, string truncated) = report switch
        {
            PairReport p => ($"{p.Pairs} pairs", Truncated((p.PromptsTruncated, "prompts"), (p.ChosenTruncated, "chosen completions"), (p.RejectedTruncated, "rejected completions"))),
            LabelledReport l => ($"{l.Desirable} desirable and {l.Undesirable} undesirable completions", Truncated((l.PromptsTruncated, "prompts"), (l.CompletionsTruncated, "completions"))),
            SupervisedReport s => ($"{s.Kept} sequences with {s.TrainedTokens} trained tokens", Truncated((s.SequencesTruncated, "sequences"))),
            _ => throw new ArgumentException($"There are no words for a {report.GetType().Name}.", nameof(report)),
        };
        yield return Info($"{role}-file-checked",
            $"{Capital(role)} file checked: {report.Rows} rows, {kept}, {truncated}; {report.TokensAnEpoch} tokens an epoch.");
        int number = 0;
        foreach (RowGroup dropped in report.Dropped)
            yield return Warn($"{role}-file-dropped-{number++}", $"{Capital(role)} file: {dropped.Which} left out. {dropped.Reason}");
        if (report is PairReport { IdenticalCompletions: { } identical })
            yield return Warn($"{role}-file-identical", $"{Capital(role)} file: {identical.Which} can teach nothing. {identical.Reason}");
        if (report.Duplicates is { } duplicates)
            yield return Warn($"{role}-file-duplicates", $"{Capital(role)} file: {duplicates.Which} told twice. {duplicates.Reason}");
        if (report.PromptsInTraining is { } shared)
            yield return Warn($"{role}-file-shared", $"{Capital(role)} file: {shared.Which} with a prompt that is trained on. {shared.Reason}");
        if (report is SupervisedReport { RowsWithTurnsNotTrained: { } unplaced, TurnsNotTrained: var turns })
            yield return Warn($"{role}-file-turns", $"{Capital(role)} file: {turns} turns in {unplaced.Which} are not trained. {unplaced.Reason}");
        if (report.PromptNotPrefix is { } seam)
            yield return Warn($"{role}-file-seam", $"{Capital(role)} file: {seam.Which} with a shifted start of the completion. {seam.Reason}");
    }

    public JobEvent TrainingStarted(int totalSteps) => Info("training-started", $"Training of {totalSteps} steps has started.");

    public JobEvent Resumed(int step, int totalSteps) => Info($"resumed-{epoch}", step == 0
        ? "No training state had been saved before: the job starts anew."
        : $"A worker took the job over after step {step} of {totalSteps}.");

    public JobEvent Logged(StepMetrics metrics, int totalSteps)
    {
        string split = metrics.Split == MetricSplit.Train ? "train" : "eval";
        var data = new JsonObject { ["step"] = metrics.Step, ["total_steps"] = totalSteps, ["split"] = split, ["epoch"] = metrics.Epoch };
        foreach ((string name, double value) in metrics.Values) data[name] = value;
        string figures = string.Join(", ", s_told.Where(t => metrics.Values.ContainsKey(t.Name)).Select(t => $"{t.Words}={Shown(metrics.Values[t.Name])}"));
        return Event($"step-{metrics.Step}-{split}", "info", "metrics",
            $"Step {metrics.Step}/{totalSteps}: {(metrics.Split == MetricSplit.Train ? "training" : "validation")} {figures}", data);
    }

    public JobEvent CheckpointSaved(int step) => Info($"checkpoint-{step}", $"Checkpoint saved at step {step}.");

    public JobEvent CheckpointDeleted(int step, int limit) =>
        Info($"checkpoint-deleted-{step}", $"The checkpoint of step {step} is deleted: save_total_limit keeps {limit}.");

    public JobEvent Found(Finding finding, int step)
    {
        var numbers = new JsonObject(finding.Numbers.Select(n => KeyValuePair.Create(n.Key, (JsonNode?)n.Value)));
        var data = new JsonObject { ["symptom"] = finding.Symptom, ["step"] = step, ["numbers"] = numbers, ["suggestion"] = finding.Suggestion };
        return Event($"diagnosis-{finding.Symptom}", "warn", "message", finding.Message, data);
    }

    public JobEvent StoppedEarly(TrainingRecipe recipe, int step, int totalSteps, int bestStep, double bestValue) => Event("stopped-early", "info", "message",
        $"Training stops after step {step} of {totalSteps}: the validation rows' {recipe.MetricForBestModel} has not improved in {recipe.EarlyStoppingPatience} evaluations; it was best at step {bestStep} with {Shown(bestValue)}.",
        new() { ["metric"] = recipe.MetricForBestModel, ["patience"] = recipe.EarlyStoppingPatience, ["best_step"] = bestStep, ["best_value"] = bestValue });

    public JobEvent BestLoaded(TrainingRecipe recipe, int bestStep, double bestValue) => Event("best-loaded", "info", "message",
        $"The adapter that comes out is that of step {bestStep}, where the validation rows' {recipe.MetricForBestModel} was best with {Shown(bestValue)}.",
        new() { ["metric"] = recipe.MetricForBestModel, ["best_step"] = bestStep, ["best_value"] = bestValue });

    public JobEvent StateNotSaved(int step, string reason) => Warn($"state-{step}-{epoch}", $"The training state after step {step} could not be saved: {reason}");

    public JobEvent HandedOver(int step) => Info($"handed-over-{epoch}", $"The worker stops; the job waits for another one after step {step}.");

    public JobEvent Paused(int step) => Info($"paused-{epoch}", $"The job is paused after step {step}.");

    public JobEvent Cancelled(int step) => Info("cancelled", $"The job was cancelled after step {step}.");

    public JobEvent Succeeded(string tunedModel) => Info("succeeded", $"The job has succeeded; the tuned model is {tunedModel}.");

    public JobEvent WillRetry(JobFailure failure, TimeSpan delay) => Warn($"retry-{epoch}", $"This attempt failed and the job will be tried again in {delay:g}: {failure.Message}");

    public JobEvent Failed(JobFailure failure) => Event("failed", "error", "message", $"The job has failed: {failure.Message}", null);

    private static readonly (string Name, string Words)[] s_told =
        [(MetricNames.Loss, "loss"), (MetricNames.RewardsMargins, "reward margin"), (MetricNames.RewardsAccuracies, "reward accuracy")];

    private static string Truncated(params (int Count, string Of)[] cuts) =>
        cuts.All(c => c.Count == 0) ? "none truncated" : "truncated " + string.Join(", ", cuts.Select(c => $"{c.Count} {c.Of}"));

    private static string Shown(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);

    private static string Capital(string word) => char.ToUpperInvariant(word[0]) + word[1..];

    private JobEvent Info(string occasion, string message) => Event(occasion, "info", "message", message, null);

    private JobEvent Warn(string occasion, string message) => Event(occasion, "warn", "message", message, null);

    private JobEvent Event(string occasion, string level, string type, string message, JsonObject? data) =>
        new(StableIds.Event(jobId, occasion), jobId, level, type, message, data?.ToJsonString(), timeProvider.GetUtcNow().UtcDateTime);
}
