using TrainingService.Domain.Metrics;
using TrainingService.Storage.Models;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Diagnostics;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Jobs;

/// <summary>Watches a run from the trainer's thread: passes on what it tells, keeps its checkpoints and saves its state.</summary>
internal sealed partial class RunObserver(
    RunPlan plan, Trainer trainer, RunRecorder recorder, RunFolder folder, JobEvents events, AdapterArchive archive, Diagnosis diagnosis, ModelCatalog models,
    WorkerOptions options, TimeProvider timeProvider, ILogger logger) : ITrainingObserver
{
    // A database that is away for a moment must not hold up training: the state is saved the next time.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private readonly List<string> _superseded = [];
    private long _stateSavedAt = timeProvider.GetTimestamp();
    private bool _stateDue;

    public TrainingSignal Signal => recorder.Signal;

    public void OnStep(TrainingProgress progress)
    {
        recorder.Progress = progress;
        if (_stateDue || timeProvider.GetElapsedTime(_stateSavedAt) >= options.StateInterval) SaveState(s_patience);
    }

    public void OnMetrics(StepMetrics metrics)
    {
        recorder.Record(metrics, events.Logged(metrics, trainer.TotalSteps));
        recorder.Record(diagnosis.Add(metrics).Select(f => events.Found(f, metrics.Step)));
    }

    public void OnCheckpoint(int step, IReadOnlyList<int> superseded)
    {
        string key = plan.CheckpointKey(step), name = plan.CheckpointName(step);
        archive.Store(name, key);
        recorder.Record(new KeptCheckpoint(step, name, key), events.CheckpointSaved(step));
        foreach (int old in superseded)
        {
            recorder.RecordSuperseded(old, events.CheckpointDeleted(old, plan.Recipe.SaveTotalLimit!.Value));
            _superseded.Add(plan.CheckpointKey(old));
        }
        // OnStep follows, when nothing of the step is left to do.
        _stateDue = true;
    }

    /// <summary>
    /// Saves the trainer's state, but only once all that the run told stands in the database: whoever goes on from the
    /// state tells what comes after it.
    /// </summary>
    public void SaveState(TimeSpan patience)
    {
        _stateSavedAt = timeProvider.GetTimestamp();
        _stateDue = false;
        if (!DeleteSuperseded(patience)) return;
        try
        {
            if (folder.SaveState(trainer)) recorder.RecordStateSaved();
        }
        catch (IOException e)
        {
            // Worth a warning, not the job: the earlier state is still there, and the disk may have room by the next time.
            LogStateNotSaved(e, trainer.Progress.Step);
            recorder.Record(events.StateNotSaved(trainer.Progress.Step, e.Message));
        }
    }

    /// <summary>
    /// Deletes superseded adapters once their rows are gone: a crash leaves no row without its file. One that comes before
    /// the next state leaves files that the resumed run, which takes the same steps again, deletes.
    /// </summary>
    /// <returns>Whether all that the run told stands in the database.</returns>
    public bool DeleteSuperseded(TimeSpan patience)
    {
        if (!recorder.FlushAsync(patience).GetAwaiter().GetResult()) return false;
        _superseded.RemoveAll(key =>
        {
            try
            {
                models.DeleteAdapter(key);
                return true;
            }
            catch (IOException e)
            {
                LogNotDeleted(e, key);
                return false;
            }
        });
        return true;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The superseded {Adapter} could not be deleted; the next checkpoint tries again.")]
    private partial void LogNotDeleted(Exception exception, string adapter);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The training state after step {Step} could not be saved.")]
    private partial void LogStateNotSaved(Exception exception, int step);
}
