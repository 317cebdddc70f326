using TrainingService.Storage.Keys;

namespace TrainingService.Standalone.Hosting;

/// <summary>Stops a start that would listen to a network while nobody has a key: the server itself starts after this.</summary>
internal sealed class KeyBeforeListening(KeyRing keys) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!await keys.AnyAsync(cancellationToken)) throw new KeyMissingException();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>There is no key, and without one the service must not listen.</summary>
internal sealed class KeyMissingException() : Exception(
    "The service listens on a network only when there is a key. Create one by 'keys create --role admin --owner NAME' with the same --data, or leave --listen out.");
