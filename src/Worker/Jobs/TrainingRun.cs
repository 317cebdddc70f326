using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Models;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Diagnostics;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Jobs;

/// <summary>What a job has when all its steps are taken.</summary>
internal sealed record FinishedRun(string TunedModel, string AdapterKey, IReadOnlyList<StoredFile> ResultFiles);

/// <summary>A claimed job's way from its files to its adapter.</summary>
internal sealed class TrainingRun(
    IDbContextFactory<TrainingDbContext> contexts, RunPlanner planner, IngredientHashes hashes, RunResults results, IFileStore files, ModelCatalog models,
    IOptions<WorkerOptions> options, TimeProvider timeProvider, ILogger<TrainingRun> logger)
{
    /// <summary>Prepares and trains until all steps are taken, or the recorder says otherwise.</summary>
    /// <returns>The results; null when the run was interrupted.</returns>
    public async Task<FinishedRun?> RunAsync(FineTuningJob job, JobLease lease, RunRecorder recorder)
    {
        var events = new JobEvents(job.Id, lease.Epoch, timeProvider);
        recorder.Record(events.Started(job.Model));
        RunPlan plan = await planner.PlanAsync(job, events, recorder);
        HashedFile training = await hashes.OfAsync(plan.TrainingFile, recorder.Interrupted);
        HashedFile? validation = plan.ValidationFile is { } file ? await hashes.OfAsync(file, recorder.Interrupted) : null;
        IReadOnlyList<StepMetrics> earlier = await EarlierLogsAsync(job, recorder.Interrupted);
        IEnumerable<string> trained = events.FileChecked("training", plan.Train.Report).Select(e => e.Message);
        IEnumerable<string> evaluated = plan.Validation is { } aside ? events.FileChecked("validation", aside.Report).Select(e => e.Message) : [];
        string data = validation is null
            ? ModelCard.Describe(training, trained.Concat(evaluated))
            : $"{ModelCard.Describe(training, trained)}\n{ModelCard.Describe(validation, evaluated)}";

        // Reading a large model's files takes minutes that training need not wait for.
        Task<(HashedModel Base, HashedModel? Adapter)> hashing = Task.Run(() => hashes.OfAsync(plan.Source, recorder.Interrupted));
        // The trainer wants one thread from beginning to end, and holds it for hours: one of its own, not one of the pool.
        (TrainingOutcome outcome, RunHistory run) = await Task.Factory.StartNew(
            () => Train(plan, data, earlier, lease, recorder, events), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (outcome != TrainingOutcome.Completed) return null;

        (HashedModel model, HashedModel? adapter) = await hashing;
        return new(plan.TunedModel, plan.AdapterKey, await results.StoreAsync(plan, run, new(training, validation, model, adapter)));
    }

    /// <summary>What earlier claims of the job logged.</summary>
    private async Task<IReadOnlyList<StepMetrics>> EarlierLogsAsync(FineTuningJob job, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        List<JobMetric> rows = await db.Metrics.AsNoTracking().Where(m => m.JobId == job.Id).ToListAsync(cancellationToken);
        return [.. rows.OrderBy(m => m.Step).ThenBy(m => m.Split).Select(m => new StepMetrics(m.Step, m.Split, m.Epoch, m.Values))];
    }

    private (TrainingOutcome, RunHistory) Train(
        RunPlan plan, string data, IReadOnlyList<StepMetrics> earlier, JobLease lease, RunRecorder recorder, JobEvents events)
    {
        var folder = new RunFolder(files.WorkFolder(plan.Job.Id), lease.Epoch);
        TrainerRun training = plan.ToRun(folder.ReferenceCache);
        using var trainer = new Trainer(training, timeProvider);
        int step = folder.RestoreState(trainer);
        recorder.RecordPreparation(trainer.TotalSteps, plan.DatasetReport());
        recorder.Record(events.TrainingStarted(trainer.TotalSteps));
        if (lease.Epoch > 1) recorder.Record(events.Resumed(step, trainer.TotalSteps));

        var run = new RunHistory(training.ResolveRecipe(), plan.RowFacts(), trainer.TotalSteps);
        var diagnosis = new Diagnosis(run);
        recorder.Record(diagnosis.Begin().Select(f => events.Found(f, 0)));
        // Found again, but told once: an event of the same occasion is the same event. What lies beyond the state will be logged anew.
        foreach (StepMetrics log in earlier.Where(m => m.Step <= step))
            recorder.Record(diagnosis.Add(log).Select(f => events.Found(f, log.Step)));

        var archive = new AdapterArchive(trainer, plan, data, run, files);
        var observer = new RunObserver(plan, trainer, recorder, folder, events, archive, diagnosis, models, options.Value, timeProvider, logger);
        TrainingOutcome outcome = trainer.Run(observer);
        if (outcome == TrainingOutcome.Completed) Complete(plan, trainer, recorder, events, archive);
        if (outcome == TrainingOutcome.Stopped) observer.SaveState(options.Value.LeaseDuration);
        else observer.DeleteSuperseded(options.Value.LeaseDuration);
        return (outcome, run);
    }

    private static void Complete(RunPlan plan, Trainer trainer, RunRecorder recorder, JobEvents events, AdapterArchive archive)
    {
        archive.Store(plan.TunedModel, plan.AdapterKey);
        if (trainer is not { BestStep: { } bestStep, BestValue: { } bestValue }) return;
        int step = trainer.Progress.Step;
        if (trainer.StoppedEarly && step < trainer.TotalSteps) recorder.Record(events.StoppedEarly(plan.Recipe, step, trainer.TotalSteps, bestStep, bestValue));
        if (plan.Recipe.LoadBestModelAtEnd) recorder.Record(events.BestLoaded(plan.Recipe, bestStep, bestValue));
    }
}
