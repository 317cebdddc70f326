using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Webhooks;
using TrainingService.Storage.Database;

namespace TrainingService.Api.Webhooks;

/// <summary>
/// Sends the messages that are due. They are rows, so they survive restarts; whoever moves a row's next attempt into the
/// future may make this one, so any number of API hosts may send at once. A host that dies in between leaves the row due
/// again: a message may come twice, under the same id, and never not at all.
/// </summary>
internal sealed partial class WebhookSender(
    IDbContextFactory<TrainingDbContext> contexts, WebhookClient client, IOptions<WebhookOptions> options, TimeProvider timeProvider, ILogger<WebhookSender> logger)
    : BackgroundService
{
    private const int AtOnce = 32;
    private const int Gone = 410;

    // Standard Webhooks' schedule: three days and then given up.
    private static readonly TimeSpan[] s_delays =
    [
        TimeSpan.FromSeconds(5), TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(30), TimeSpan.FromHours(2), TimeSpan.FromHours(5),
        TimeSpan.FromHours(10), TimeSpan.FromHours(14), TimeSpan.FromHours(20), TimeSpan.FromHours(24),
    ];

    private readonly SemaphoreSlim _attempts = new(AtOnce);
    private readonly Dictionary<string, Task> _sending = [];

    /// <summary>How long an attempt is its sender's own.</summary>
    private TimeSpan Claim => options.Value.Timeout + TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.PollInterval, timeProvider);
        try
        {
            do await Guarded(() => StartDueAsync(stoppingToken), stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        finally
        {
            await Task.WhenAll(_sending.Values);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _attempts.Dispose();
    }

    /// <summary>Sends to each endpoint on its own, one message after the other: one that does not answer holds up nobody else's.</summary>
    private async Task StartDueAsync(CancellationToken cancellationToken)
    {
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        List<string> due = await db.WebhookEndpoints.Where(e => e.Enabled && db.WebhookDeliveries.Any(d => d.EndpointId == e.Id && d.NextAttemptAt <= now))
            .Select(e => e.Id).ToListAsync(cancellationToken);
        foreach (string endpoint in _sending.Where(s => s.Value.IsCompleted).Select(s => s.Key).ToList()) _sending.Remove(endpoint);
        foreach (string endpoint in due)
            if (!_sending.ContainsKey(endpoint))
                _sending[endpoint] = Guarded(() => SendDueAsync(endpoint, cancellationToken), cancellationToken);
    }

    private async Task SendDueAsync(string endpoint, CancellationToken cancellationToken)
    {
        while (true)
        {
            await _attempts.WaitAsync(cancellationToken);
            try
            {
                DateTime now = timeProvider.GetUtcNow().UtcDateTime;
                string? due;
                await using (TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken))
                    due = await db.WebhookDeliveries.Where(d => d.EndpointId == endpoint && d.NextAttemptAt <= now && db.WebhookEndpoints.Any(e => e.Id == endpoint && e.Enabled))
                        .OrderBy(d => d.NextAttemptAt).Select(d => d.Id).FirstOrDefaultAsync(cancellationToken);
                if (due is null) return;
                await SendAsync(due, cancellationToken);
            }
            finally
            {
                _attempts.Release();
            }
        }
    }

    private async Task Guarded(Func<Task> work, CancellationToken stoppingToken)
    {
        try
        {
            await work();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops; the rows stay due.
        }
        catch (Exception e)
        {
            // Most often the database is away; the rows wait.
            LogFailed(e);
        }
    }

    private async Task SendAsync(string id, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime, until = now + Claim;
        if (await db.WebhookDeliveries.Where(d => d.Id == id && d.NextAttemptAt <= now)
            .ExecuteUpdateAsync(set => set.SetProperty(d => d.NextAttemptAt, until), cancellationToken) == 0) return;
        if (await db.WebhookDeliveries.SingleOrDefaultAsync(d => d.Id == id, cancellationToken) is not { } delivery
            || await db.WebhookEndpoints.SingleOrDefaultAsync(e => e.Id == delivery.EndpointId, cancellationToken) is not { } endpoint) return;

        (int? status, string? error) = await client.SendAsync(endpoint, delivery, cancellationToken);
        DateTime answered = timeProvider.GetUtcNow().UtcDateTime;
        if (error is null) delivery.Deliver(status!.Value, answered);
        else
        {
            delivery.Fail(status, error, status != Gone && delivery.Attempts < s_delays.Length ? answered + s_delays[delivery.Attempts] : null);
            // Standard Webhooks: the receiver says that it wants no more.
            if (status == Gone) endpoint.Enable(false);
            LogNotDelivered(delivery.Id, delivery.Attempts, error);
        }
        try
        {
            await db.SaveChangesAsync(CancellationToken.None);
        }
        catch (DbUpdateConcurrencyException)
        {
            // The endpoint was deleted meanwhile, or the claim lapsed and somebody else has tried.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Message {DeliveryId} was not delivered by attempt {Attempt}: {Error}")]
    private partial void LogNotDelivered(string deliveryId, int attempt, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Messages to webhooks could not be sent; the next look tries again.")]
    private partial void LogFailed(Exception exception);
}
