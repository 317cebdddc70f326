using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Hub;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Downloads;

/// <summary>Claims a model's download, fetches the model beside its place, and lets it appear there when it is whole.</summary>
internal sealed partial class ModelDownloader(
    IDbContextFactory<TrainingDbContext> contexts, DownloadPlanner planner, HubRetries retries, HubDownloader hub, IOptions<StorageOptions> storage,
    IHostApplicationLifetime lifetime, IOptions<WorkerOptions> options, TimeProvider timeProvider, ILogger<ModelDownloader> logger) : IModelDownloader
{
    private const string StorageError = "storage_error";

    private enum Interruption { None, Stop, Cancel, LeaseLost }

    public async Task RunAsync(string model, CancellationToken cancellationToken)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, lifetime.ApplicationStopping);
        if (!stopping.IsCancellationRequested
            && await DownloadLease.TryClaimAsync(contexts, timeProvider, options.Value.LeaseDuration, model, stopping.Token) is var (lease, download))
            await RunClaimedAsync(lease, download, stopping.Token);

        // As for jobs: a call that ends by its own token goes back into the queue at once.
        if (stopping.IsCancellationRequested) await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private async Task RunClaimedAsync(DownloadLease lease, ModelDownload download, CancellationToken stopping)
    {
        LogClaimed(download.Model, download.LeaseEpoch);
        Action<ModelDownload>? end;
        try
        {
            using StagingFolder? staging = StagingFolder.TryOpen(storage.Value.ModelsFolder, download.Model);
            end = staging is null
                // Its last holder is not gone yet, whatever the lease says: the sweeper tries again.
                ? d => d.HandOver()
                : await RunInAsync(staging, lease, download, stopping);
        }
        catch (HubException e)
        {
            end = Failed(d => d.Fail(e.Code, e.Message, Now));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogFailed(e, download.Model);
            end = Failed(d => d.Fail(StorageError, $"The models folder cannot be written: {e.Message}", Now));
        }
        catch (Exception e)
        {
            LogFailed(e, download.Model);
            end = Failed(d => d.Fail("internal_error", $"An error of the service: {e.Message}", Now));
        }
        if (end is not null) await lease.ChangeAsync(end, e => LogDatabaseAway(e.Message));

        // A deletion that was this claim's own work and did not succeed is told, and may be asked for again.
        Action<ModelDownload> Failed(Action<ModelDownload> fail) => download.CancelRequested ? fail : UnlessCancelled(fail);
    }

    /// <summary>A client that gave it up in the last moment was told that it is gone: whoever claims it next deletes what there is.</summary>
    private static Action<ModelDownload> UnlessCancelled(Action<ModelDownload> end) => d =>
    {
        if (d.CancelRequested) d.HandOver();
        else end(d);
    };

    private DateTime Now => timeProvider.GetUtcNow().UtcDateTime;

    /// <returns>What becomes of the download; null when that is another worker's to say.</returns>
    private async Task<Action<ModelDownload>?> RunInAsync(StagingFolder staging, DownloadLease lease, ModelDownload download, CancellationToken stopping)
    {
        var interruption = Interruption.None;
        if (download.CancelRequested) interruption = Interruption.Cancel;
        else
        {
            long done = download.BytesDone;
            using var work = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            Task<Interruption> watch = WatchAsync(lease, () => Volatile.Read(ref done), work);
            try
            {
                await FetchAsync(staging, download, bytes => Volatile.Write(ref done, bytes), work.Token);
                return UnlessCancelled(d => d.Succeed(Now));
            }
            catch (OperationCanceledException) when (work.IsCancellationRequested)
            {
                // Why, the watch says.
            }
            finally
            {
                await work.CancelAsync();
                interruption = await watch;
            }
            if (stopping.IsCancellationRequested && interruption == Interruption.None) interruption = Interruption.Stop;
        }
        if (interruption != Interruption.Cancel) return interruption == Interruption.Stop ? d => d.HandOver() : null;
        staging.DeleteModel(download.Commit);
        return d => d.EndCancelled(Now);
    }

    private async Task FetchAsync(StagingFolder staging, ModelDownload download, Action<long> progress, CancellationToken cancellationToken)
    {
        if (Directory.Exists(staging.Target))
        {
            // The worker before this one got so far, but not to say so; or somebody put a model there meanwhile.
            if (HubOrigin.Read(staging.Target)?.Commit == download.Commit) return;
            throw new IOException($"{staging.Target} is there already. Move it away first.");
        }
        // By the commit: what the revision means by now is another model.
        DownloadPlan plan = null!;
        await retries.RunAsync(async () => plan = await planner.PlanAsync(download.Model, download.Commit, cancellationToken), () => 0, cancellationToken);
        await hub.DownloadAsync(plan, staging.OfCommit(download.Commit), progress, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        staging.Complete(plan, download.Revision);
        LogFetched(download.Model, plan.Files.Count, plan.Bytes);
    }

    /// <summary>Writes progress and ends the work when that was asked for, or the lease is lost.</summary>
    private async Task<Interruption> WatchAsync(DownloadLease lease, Func<long> done, CancellationTokenSource work)
    {
        using var timer = new PeriodicTimer(options.Value.FlushInterval, timeProvider);
        var interruption = Interruption.None;
        try
        {
            while (interruption == Interruption.None && await timer.WaitForNextTickAsync(work.Token))
            {
                try
                {
                    interruption = await lease.RenewAsync(done(), work.Token) switch { null => Interruption.LeaseLost, true => Interruption.Cancel, false => Interruption.None };
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogDatabaseAway(e.Message);
                    if (lease.HasLapsed) interruption = Interruption.LeaseLost;
                }
            }
            await work.CancelAsync();
        }
        catch (OperationCanceledException)
        {
            // The work is over, or the worker stops.
        }
        return interruption;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Claimed the download of {Model}, claim {Epoch}.")]
    private partial void LogClaimed(string model, int epoch);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} is in the models folder: {Files} files of {Bytes} bytes.")]
    private partial void LogFetched(string model, int files, long bytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "The download of {Model} failed.")]
    private partial void LogFailed(Exception exception, string model);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A download's progress waits for the database: {Reason}")]
    private partial void LogDatabaseAway(string reason);
}
