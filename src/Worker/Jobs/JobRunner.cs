using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Jobs;

/// <summary>Claims a job, lets it train and writes how it ended.</summary>
internal sealed partial class JobRunner(
    IDbContextFactory<TrainingDbContext> contexts, TrainingRun run, IHostApplicationLifetime lifetime,
    IOptions<WorkerOptions> options, TimeProvider timeProvider, ILogger<JobRunner> logger) : IJobRunner
{
    public async Task RunAsync(string jobId, CancellationToken cancellationToken)
    {
        // The queue's server hears of a stop after the web server has closed its connections: that would be time lost.
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        if (!stopping.IsCancellationRequested
            && await JobLease.TryClaimAsync(contexts, timeProvider, options.Value.LeaseDuration, jobId, stopping.Token) is var (lease, job))
            await RunClaimedAsync(lease, job, stopping.Token);

        // A call that ends by its own token goes back into the queue at once; one that ends before does not.
        if (stopping.IsCancellationRequested) await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private async Task RunClaimedAsync(JobLease lease, FineTuningJob job, CancellationToken stopping)
    {
        using IDisposable? scope = logger.BeginScope("Job {JobId}, claim {Epoch}", lease.JobId, lease.Epoch);
        LogClaimed(lease.JobId, lease.Epoch);
        await using var recorder = new RunRecorder(lease, options.Value, timeProvider, logger, stopping);
        (FinishedRun? finished, JobFailure? failure) = await TrainAsync(lease, job, recorder);
        try
        {
            await recorder.CompleteAsync();
            if (recorder.LeaseLost) return;
            await EndAsync(lease, recorder, finished, failure);
        }
        catch (LeaseLostException e)
        {
            LogLeaseLost(e.Message);
        }
    }

    private async Task<(FinishedRun?, JobFailure?)> TrainAsync(JobLease lease, FineTuningJob job, RunRecorder recorder)
    {
        int allowed = options.Value.MaxAttemptsWithoutProgress;
        if (job.AttemptsWithoutProgress > allowed) return (null, JobFailure.Crashed(allowed));
        try
        {
            // What the client asked while nobody held the job is known after the first write.
            await recorder.FlushAsync(options.Value.LeaseDuration);
            return (recorder.Signal == TrainingSignal.Continue ? await run.RunAsync(job, lease, recorder) : null, null);
        }
        catch (OperationCanceledException) when (recorder.Interrupted.IsCancellationRequested)
        {
            return (null, null);
        }
        catch (Exception e)
        {
            LogFailed(e);
            using JsonDocument recipe = JsonDocument.Parse(job.Recipe);
            return (null, JobFailure.Of(e, RecipeJson.MethodOf(recipe.RootElement), isMapped: recipe.RootElement.TryGetProperty("columns", out _)));
        }
    }

    private Task EndAsync(JobLease lease, RunRecorder recorder, FinishedRun? finished, JobFailure? failure)
    {
        var events = new JobEvents(lease.JobId, lease.Epoch, timeProvider);
        IEnumerable<StoredFile> files = finished?.ResultFiles ?? [];

        JobEvent[] End(FineTuningJob job)
        {
            DateTime now = timeProvider.GetUtcNow().UtcDateTime;
            if (finished is not null)
            {
                job.Succeed(finished.TunedModel, finished.AdapterKey, files.Select(f => f.Id), now);
                return [events.Succeeded(finished.TunedModel)];
            }
            if (recorder.CancelRequested)
            {
                job.EndCancelled(now);
                return [events.Cancelled(job.Step)];
            }
            if (failure is { MayPass: true } && job.AttemptsWithoutProgress < options.Value.MaxAttemptsWithoutProgress)
            {
                // An attempt that saved a state before it failed counts as the first.
                double factor = Math.Pow(10, Math.Clamp(job.AttemptsWithoutProgress - 1, 0, 6));
                var delay = TimeSpan.FromTicks((long)Math.Min(options.Value.RetryDelay.Ticks * factor, TimeSpan.TicksPerDay));
                job.RetryLater(now + delay);
                return [events.WillRetry(failure, delay)];
            }
            if (failure is not null)
            {
                job.Fail(failure.Code, failure.Message, failure.Param, now);
                return [events.Failed(failure)];
            }
            if (recorder.PauseRequested)
            {
                job.HoldPaused();
                return [events.Paused(job.Step)];
            }
            job.HandOver();
            return [events.HandedOver(job.Step)];
        }

        return lease.PersistAsync(async c => { await lease.ChangeAsync(End, files, c); return true; }, LogDatabaseAway, CancellationToken.None);
    }

    private void LogDatabaseAway(Exception e) => LogEndDelayed(e.Message);

    [LoggerMessage(Level = LogLevel.Information, Message = "Claimed job {JobId}, claim {Epoch}.")]
    private partial void LogClaimed(string jobId, int epoch);

    [LoggerMessage(Level = LogLevel.Error, Message = "The run failed.")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason} How the run ended is not written.")]
    private partial void LogLeaseLost(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The run's end waits for the database: {Reason}")]
    private partial void LogEndDelayed(string reason);
}
