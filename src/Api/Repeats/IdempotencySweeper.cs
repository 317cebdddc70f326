using Microsoft.EntityFrameworkCore;
using TrainingService.Storage.Database;

namespace TrainingService.Api.Repeats;

/// <summary>Deletes answers that nobody will ask for again.</summary>
internal sealed partial class IdempotencySweeper(
    IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider, ILogger<IdempotencySweeper> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), timeProvider);
        try
        {
            do await SweepAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        DateTime oldest = timeProvider.GetUtcNow().UtcDateTime - Idempotency.Lifetime;
        try
        {
            await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
            await db.IdempotencyRecords.Where(r => r.CreatedAt < oldest).ExecuteDeleteAsync(cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            // Most often the database is away, which EF wraps; what leaves here would end the host.
            LogFailure(e);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old answers could not be deleted; the next sweep tries again.")]
    private partial void LogFailure(Exception exception);
}
