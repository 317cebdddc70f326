using Microsoft.Extensions.Options;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Files;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Jobs;

/// <summary>What a job has when all its steps are taken.</summary>
internal sealed record FinishedRun(string TunedModel, string AdapterKey, IReadOnlyList<StoredFile> ResultFiles);

/// <summary>A claimed job's way from its files to its adapter.</summary>
internal sealed class TrainingRun(
    RunPlanner planner, RunResults results, IFileStore files, IOptions<WorkerOptions> options, TimeProvider timeProvider, ILogger<TrainingRun> logger)
{
    /// <summary>Prepares and trains until all steps are taken, or the recorder says otherwise.</summary>
    /// <returns>The results; null when the run was interrupted.</returns>
    public async Task<FinishedRun?> RunAsync(FineTuningJob job, JobLease lease, RunRecorder recorder)
    {
        var events = new JobEvents(job.Id, lease.Epoch, timeProvider);
        recorder.Record(events.Started(job.Model));
        RunPlan plan = await planner.PlanAsync(job, events, recorder);

        // The trainer wants one thread from beginning to end, and holds it for hours: one of its own, not one of the pool.
        TrainingOutcome outcome = await Task.Factory.StartNew(
            () => Train(plan, lease, recorder, events), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        if (outcome != TrainingOutcome.Completed) return null;

        // The table of metrics is made from the rows.
        if (!await recorder.FlushAsync(options.Value.LeaseDuration)) throw new IOException("The database did not take the last metrics.");
        return new(plan.TunedModel, plan.AdapterKey, await results.StoreAsync(plan));
    }

    private TrainingOutcome Train(RunPlan plan, JobLease lease, RunRecorder recorder, JobEvents events)
    {
        var folder = new RunFolder(files.WorkFolder(plan.Job.Id), lease.Epoch);
        using var trainer = new Trainer(plan.ToRun(folder.ReferenceCache), timeProvider);
        int step = folder.RestoreState(trainer);
        recorder.RecordPreparation(trainer.TotalSteps, plan.DatasetReport());
        recorder.Record(events.TrainingStarted(trainer.TotalSteps));
        if (lease.Epoch > 1) recorder.Record(events.Resumed(step, trainer.TotalSteps));

        var observer = new RunObserver(plan, trainer, recorder, folder, events, files, options.Value, timeProvider, logger);
        TrainingOutcome outcome = trainer.Run(observer);
        if (outcome == TrainingOutcome.Completed) AdapterArchive.Store(trainer, plan.ModelCard(plan.TunedModel), files, plan.AdapterKey);
        if (outcome == TrainingOutcome.Stopped) observer.SaveState(options.Value.LeaseDuration);
        return outcome;
    }
}
