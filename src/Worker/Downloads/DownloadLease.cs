using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;

namespace TrainingService.Worker.Downloads;

/// <summary>The right to fetch a model and to write about it, as <see cref="Jobs.JobLease"/> is for a job.</summary>
internal sealed class DownloadLease
{
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromMilliseconds(500);

    private readonly IDbContextFactory<TrainingDbContext> _contexts;
    private readonly TimeProvider _timeProvider;
    private readonly TimeSpan _duration;
    private readonly string _model;
    private readonly int _epoch;
    private long _renewedAt;

    private DownloadLease(IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider, TimeSpan duration, string model, int epoch, long claimedAt) =>
        (_contexts, _timeProvider, _duration, _model, _epoch, _renewedAt) = (contexts, timeProvider, duration, model, epoch, claimedAt);

    /// <summary>Whether another worker may have claimed the download.</summary>
    public bool HasLapsed => _timeProvider.GetElapsedTime(Volatile.Read(ref _renewedAt)) >= _duration;

    /// <summary>Takes a queued download, or a running one whose holder shows no life; null when somebody else was first or nothing is to do.</summary>
    public static async Task<(DownloadLease Lease, ModelDownload Download)?> TryClaimAsync(
        IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider, TimeSpan duration, string model, CancellationToken cancellationToken)
    {
        string owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";
        long claimedAt = timeProvider.GetTimestamp();
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        int claimed = await db.ModelDownloads
            .Where(d => d.Model == model && (d.Status == ModelDownloadStatus.Queued || d.Status == ModelDownloadStatus.Running)
                && (d.LeaseExpiresAt == null || d.LeaseExpiresAt < now))
            .ExecuteUpdateAsync(update => update
                .SetProperty(d => d.Status, ModelDownloadStatus.Running)
                .SetProperty(d => d.LeaseOwner, owner)
                .SetProperty(d => d.LeaseExpiresAt, now + duration)
                .SetProperty(d => d.LeaseEpoch, d => d.LeaseEpoch + 1), cancellationToken);
        if (claimed == 0) return null;
        ModelDownload? download = await db.ModelDownloads.AsNoTracking().SingleOrDefaultAsync(d => d.Model == model && d.LeaseOwner == owner, cancellationToken);
        return download is null ? null : (new(contexts, timeProvider, duration, model, download.LeaseEpoch, claimedAt), download);
    }

    /// <summary>Writes how far the download is and renews the lease.</summary>
    /// <returns>Whether its end was asked for; null when the lease is lost.</returns>
    public async Task<bool?> RenewAsync(long bytesDone, CancellationToken cancellationToken)
    {
        long sentAt = _timeProvider.GetTimestamp();
        DateTime expires = _timeProvider.GetUtcNow().UtcDateTime + _duration;
        await using TrainingDbContext db = await _contexts.CreateDbContextAsync(cancellationToken);
        if (await Held(db).ExecuteUpdateAsync(update => update.SetProperty(d => d.LeaseExpiresAt, expires).SetProperty(d => d.BytesDone, bytesDone), cancellationToken) == 0) return null;
        Volatile.Write(ref _renewedAt, sentAt);
        return await Held(db).Select(d => (bool?)d.CancelRequested).SingleOrDefaultAsync(cancellationToken);
    }

    /// <summary>Changes the download by its verbs, and waits for a database that is away as long as the lease is ours. When it is lost, nothing changes.</summary>
    public async Task ChangeAsync(Action<ModelDownload> change, Action<Exception> onAway)
    {
        while (true)
        {
            try
            {
                await using TrainingDbContext db = await _contexts.CreateDbContextAsync();
                if (await Held(db).SingleOrDefaultAsync() is not { } download) return;
                change(download);
                await db.SaveChangesAsync();
                return;
            }
            catch (DbUpdateConcurrencyException)
            {
                // Claimed by another in between, and then it is not ours any more; or given up, which the change must see.
            }
            catch (Exception e) when (!HasLapsed && e is not InvalidOperationException { InnerException: null })
            {
                onAway(e);
                await Task.Delay(s_retryDelay, _timeProvider);
            }
        }
    }

    private IQueryable<ModelDownload> Held(TrainingDbContext db) =>
        db.ModelDownloads.Where(d => d.Model == _model && d.LeaseEpoch == _epoch && d.Status == ModelDownloadStatus.Running);
}
