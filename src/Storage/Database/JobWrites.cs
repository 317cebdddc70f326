using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Database;

/// <summary>Changes of a job's row together with the events that tell of them.</summary>
public static class JobWrites
{
    /// <summary>
    /// Changes a job and records what <paramref name="change"/> returns in one transaction. When the job was claimed,
    /// ended or otherwise moved in the meantime, the row is read anew and the change is decided again.
    /// </summary>
    /// <param name="db">The records.</param>
    /// <param name="jobId">The job.</param>
    /// <param name="change">Calls the job's verbs and returns the events to record; may throw to refuse.</param>
    /// <param name="cancellationToken">Cancels the change.</param>
    /// <returns>The job, or null when there is none of this id.</returns>
    public static async Task<FineTuningJob?> ChangeJobAsync(this TrainingDbContext db, string jobId,
        Func<FineTuningJob, IEnumerable<JobEvent>> change, CancellationToken cancellationToken)
    {
        while (true)
        {
            db.ChangeTracker.Clear();
            if (await db.Jobs.SingleOrDefaultAsync(j => j.Id == jobId, cancellationToken) is not { } job) return null;
            JobEvent[] events = [.. change(job)];
            try
            {
                await db.SaveLockedAsync(job, events, cancellationToken);
                return job;
            }
            catch (DbUpdateConcurrencyException)
            {
                // The row moved between reading and saving: decide again.
            }
        }
    }

    /// <summary>
    /// Saves a tracked job, then the events and, when the job ends, what its owner's webhooks are told of it. The job's row is updated first, and even when nothing in it changed: the row
    /// lock makes the events of one job commit in the order of their sequence, so a reader's cursor skips none.
    /// </summary>
    /// <exception cref="DbUpdateConcurrencyException">The row was claimed or changed its status since it was read.</exception>
    public static async Task SaveLockedAsync(this TrainingDbContext db, FineTuningJob job, IEnumerable<JobEvent> events, CancellationToken cancellationToken)
    {
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        db.Entry(job).Property(j => j.LeaseEpoch).IsModified = true;
        bool ends = job.IsFinal && db.Entry(job).Property(j => j.Status).IsModified;
        await db.SaveChangesAsync(cancellationToken);
        if (ends) await db.AddJobEndedAsync(job, cancellationToken);
        await db.AddNewEventsAsync(job.Id, events, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Adds those events that were not told before; the caller's transaction holds the lock on the job's row.</summary>
    public static async Task AddNewEventsAsync(this TrainingDbContext db, string jobId, IEnumerable<JobEvent> events, CancellationToken cancellationToken)
    {
        JobEvent[] given = [.. events];
        if (given.Length == 0) return;
        string[] ids = [.. given.Select(e => e.Id)];
        List<string> told = await db.Events.Where(e => e.JobId == jobId && ids.Contains(e.Id)).Select(e => e.Id).ToListAsync(cancellationToken);
        db.Events.AddRange(given.Where(e => !told.Contains(e.Id)));
        await db.SaveChangesAsync(cancellationToken);
    }
}
