using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;

namespace TrainingService.Worker.Jobs;

/// <summary>
/// The right to write about a job. Each claim has a number, the epoch; every write is bound to it, so that a worker that
/// was thought dead and comes back changes nothing.
/// </summary>
internal sealed class JobLease
{
    private const int SqliteConstraint = 19; // SQLITE_CONSTRAINT
    private static readonly TimeSpan s_retryDelay = TimeSpan.FromMilliseconds(500);

    private readonly IDbContextFactory<TrainingDbContext> _contexts;
    private readonly TimeProvider _timeProvider;
    private readonly TimeSpan _duration;
    private long _renewedAt;

    private JobLease(IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider, TimeSpan duration, string jobId, int epoch, long claimedAt)
    {
        (_contexts, _timeProvider, _duration, _renewedAt) = (contexts, timeProvider, duration, claimedAt);
        (JobId, Epoch) = (jobId, epoch);
    }

    public string JobId { get; }

    public int Epoch { get; }

    /// <summary>Whether another worker may have claimed the job. Measured from before the last renewal was sent.</summary>
    public bool HasLapsed => _timeProvider.GetElapsedTime(Volatile.Read(ref _renewedAt)) >= _duration;

    /// <summary>Takes a queued job, or a running one whose holder shows no life; null when somebody else was first or nothing is to do.</summary>
    public static async Task<(JobLease Lease, FineTuningJob Job)?> TryClaimAsync(
        IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider, TimeSpan duration, string jobId, CancellationToken cancellationToken)
    {
        string owner = $"{Environment.MachineName}/{Environment.ProcessId}/{Guid.NewGuid():N}";
        long claimedAt = timeProvider.GetTimestamp();
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        int claimed = await db.Jobs
            .Where(j => j.Id == jobId && (j.Status == JobStatus.Queued || j.Status == JobStatus.Running)
                && (j.LeaseExpiresAt == null || j.LeaseExpiresAt < now))
            .ExecuteUpdateAsync(update => update
                .SetProperty(j => j.Status, JobStatus.Running)
                .SetProperty(j => j.LeaseOwner, owner)
                .SetProperty(j => j.LeaseExpiresAt, now + duration)
                .SetProperty(j => j.LeaseEpoch, j => j.LeaseEpoch + 1)
                .SetProperty(j => j.StartedAt, j => j.StartedAt ?? now), cancellationToken);
        if (claimed == 0) return null;

        // The owner's name is unique to this claim: no other claim can have come between the two statements unseen.
        FineTuningJob? job = await db.Jobs.AsNoTracking().SingleOrDefaultAsync(j => j.Id == jobId && j.LeaseOwner == owner, cancellationToken);
        return job is null ? null : (new JobLease(contexts, timeProvider, duration, jobId, job.LeaseEpoch, claimedAt), job);
    }

    /// <summary>
    /// Writes what a run tells, renews the lease and reads the client's wishes, in one transaction. Rows that are there
    /// already, written before the run was taken over, are replaced by their equals.
    /// </summary>
    /// <exception cref="LeaseLostException">The job is no longer ours.</exception>
    public async Task<ClientWishes> WriteAsync(RunBatch batch, CancellationToken cancellationToken)
    {
        long sentAt = _timeProvider.GetTimestamp();
        DateTime now = _timeProvider.GetUtcNow().UtcDateTime;
        await using TrainingDbContext db = await _contexts.CreateDbContextAsync(cancellationToken);
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(cancellationToken);

        // First, as this locks the job's row: a claim waits for us, or we find ours gone.
        int held = await Held(db).ExecuteUpdateAsync(update =>
        {
            update.SetProperty(j => j.LeaseExpiresAt, now + _duration);
            if (batch.StateSaved) update.SetProperty(j => j.ProgressEpoch, Epoch);
            if (batch.Preparation is { } preparation)
                update.SetProperty(j => j.TotalSteps, preparation.TotalSteps).SetProperty(j => j.DatasetReport, preparation.DatasetReport);
            if (batch.Progress is not { } progress) return;
            DateTime? finish = progress.Remaining is { } remaining ? now + remaining : null;
            update.SetProperty(j => j.Step, progress.Step)
                .SetProperty(j => j.Epoch, progress.Epoch)
                .SetProperty(j => j.TrainedTokens, progress.Tokens)
                .SetProperty(j => j.PairsPerSecond, progress.PairsPerSecond)
                .SetProperty(j => j.EstimatedFinish, finish);
        }, cancellationToken);
        if (held == 0) throw new LeaseLostException(JobId, Epoch);

        await db.AddRunAsync(JobId, batch, now, cancellationToken);
        ClientWishes wishes = await db.Jobs.Where(j => j.Id == JobId)
            .Select(j => new ClientWishes(j.CancelRequested, j.PauseRequested)).SingleAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        Volatile.Write(ref _renewedAt, sentAt);
        return wishes;
    }

    /// <summary>Changes the job by its verbs, with the rows and events that belong to the change.</summary>
    /// <exception cref="LeaseLostException">The job is no longer ours.</exception>
    public async Task ChangeAsync(Func<FineTuningJob, IEnumerable<JobEvent>> change, IEnumerable<object> rows, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await _contexts.CreateDbContextAsync(cancellationToken);
        FineTuningJob job = await Held(db).SingleOrDefaultAsync(cancellationToken) ?? throw new LeaseLostException(JobId, Epoch);
        JobEvent[] events = [.. change(job)];
        db.AddRange(rows);
        try
        {
            await db.SaveLockedAsync(job, events, cancellationToken);
        }
        catch (DbUpdateConcurrencyException e)
        {
            throw new LeaseLostException(JobId, Epoch, e);
        }
    }

    /// <summary>Tries again while the database is away, as long as the lease is surely ours.</summary>
    /// <exception cref="LeaseLostException">The database was away until the lease lapsed.</exception>
    public async Task<T> PersistAsync<T>(Func<CancellationToken, Task<T>> write, Action<Exception> onAway, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await write(cancellationToken);
            }
            catch (Exception e) when (IsDatabaseAway(e))
            {
                if (HasLapsed) throw new LeaseLostException(JobId, Epoch, e);
                onAway(e);
                await Task.Delay(s_retryDelay, _timeProvider, cancellationToken);
            }
        }
    }

    /// <summary>Whether an exception says that the database is away: EF wraps what Npgsql deems transient. Data that it refuses are our own fault and stay refused.</summary>
    public static bool IsDatabaseAway(Exception e) => e switch
    {
        DbException { SqlState: { } state } when state.StartsWith("22", StringComparison.Ordinal) || state.StartsWith("23", StringComparison.Ordinal) => false,
        Microsoft.Data.Sqlite.SqliteException { SqliteErrorCode: SqliteConstraint } => false,
        DbException or TimeoutException => true,
        _ => e.InnerException is { } inner && IsDatabaseAway(inner),
    };

    private IQueryable<FineTuningJob> Held(TrainingDbContext db) =>
        db.Jobs.Where(j => j.Id == JobId && j.LeaseEpoch == Epoch && j.Status == JobStatus.Running);
}
