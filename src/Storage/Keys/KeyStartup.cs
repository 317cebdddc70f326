using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace TrainingService.Storage.Keys;

/// <summary>Stores the configured first key, and says when the door stands open or nobody has a key to it.</summary>
internal sealed partial class KeyStartup(KeyRing keys, IOptions<KeyOptions> options, ILogger<KeyStartup> logger) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Value.AdminKey is { Length: > 0 } secret) await keys.EnsureAdminAsync(secret, cancellationToken);
        if (options.Value.AllowAnonymous) LogOpen(options.Value.AnonymousHosts);
        else if (!await keys.AnyAsync(cancellationToken)) LogClosed();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(Level = LogLevel.Warning, Message = "NO KEYS ARE ASKED FOR (Api:AllowAnonymous): whoever reaches this service under {Hosts} is its administrator. Never let a network reach it.")]
    private partial void LogOpen(string hosts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "There is no key yet, so every request is refused. Create one by the command 'keys create --role admin --owner NAME', or set Api__AdminKey.")]
    private partial void LogClosed();
}
