using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TrainingService.Inference.Errors;
using TrainingService.Inference.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Inference.Models;

/// <summary>The models that are loaded: each is loaded by its first request and stays for a while after its last.</summary>
internal sealed partial class ModelPool : IAsyncDisposable
{
    private readonly ModelCatalog _catalog;
    private readonly ModelLoader _loader;
    private readonly InferenceOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger<ModelPool> _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Folder, string? Adapter), Entry> _models = [];
    private readonly CancellationTokenRegistration _stopping;
    private Task? _closing;

    public ModelPool(ModelCatalog catalog, ModelLoader loader, IOptions<InferenceOptions> options, TimeProvider timeProvider, IHostApplicationLifetime lifetime, ILogger<ModelPool> logger)
    {
        (_catalog, _loader, _options, _timeProvider, _logger) = (catalog, loader, options.Value, timeProvider, logger);
        // A long answer must not keep a stopping worker from saving its jobs.
        _stopping = lifetime.ApplicationStopping.Register(() => _ = CloseAsync());
    }

    /// <summary>How many models are loaded or being loaded.</summary>
    public int Count
    {
        get { lock (_gate) return _models.Count; }
    }

    /// <summary>The model of a name, loaded; it stays so until the lease is disposed.</summary>
    /// <exception cref="RequestException">There is no such model, it cannot be loaded, or there is no room for it now.</exception>
    public async Task<ModelLease> AcquireAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        // Asked every time, since a model may have been deleted.
        ModelSource source = await _catalog.FindAsync(id, caller, cancellationToken) ?? throw new RequestException(StatusCodes.Status404NotFound,
            $"The model '{id}' does not exist. GET /v1/models lists those that do.", "model", "model_not_found");
        Entry entry;
        lock (_gate)
        {
            if (_closing is not null) throw RequestException.Stopping();
            if (!_models.TryGetValue((source.Folder, source.AdapterFolder), out entry!))
            {
                entry = new((source.Folder, source.AdapterFolder), id, LoadAsync(source, MakeRoom()));
                _models.Add(entry.Key, entry);
            }
            entry.Uses++;
            entry.Expiry?.Dispose();
        }
        try
        {
            return new(await entry.Model.WaitAsync(cancellationToken), () => Release(entry));
        }
        catch
        {
            Release(entry);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stopping.DisposeAsync();
        await CloseAsync();
    }

    private async Task<LoadedModel> LoadAsync(ModelSource source, Task room)
    {
        // Reading files is no work for the caller, who holds the gate.
        await Task.Yield();
        await room;
        long start = _timeProvider.GetTimestamp();
        LoadedModel model = await _loader.LoadAsync(source);
        LogLoaded(source.Id, _timeProvider.GetElapsedTime(start));
        return model;
    }

    /// <summary>Done when the model that was unused for longest is gone, if one has to go.</summary>
    private Task MakeRoom()
    {
        if (_models.Count < _options.MaxLoadedModels) return Task.CompletedTask;
        Entry oldest = _models.Values.Where(e => e.Uses == 0).MinBy(e => e.UnusedSince)
            ?? throw RequestException.Busy($"All {_models.Count} models that may be loaded at once (Inference:MaxLoadedModels) are answering; send the request again a little later.");
        return RemoveAsync(oldest);
    }

    private void Release(Entry entry)
    {
        lock (_gate)
        {
            if (--entry.Uses > 0 || !_models.ContainsValue(entry)) return;
            // The next request tries again.
            if (entry.Model.IsFaulted)
            {
                _models.Remove(entry.Key);
                return;
            }
            entry.UnusedSince = _timeProvider.GetTimestamp();
            entry.Expiry = _timeProvider.CreateTimer(_ => Expire(entry), null, _options.KeepAlive, Timeout.InfiniteTimeSpan);
        }
    }

    private void Expire(Entry entry)
    {
        lock (_gate)
            if (entry.Uses == 0 && _models.ContainsValue(entry))
                _ = RemoveAsync(entry);
    }

    private Task RemoveAsync(Entry entry)
    {
        _models.Remove(entry.Key);
        entry.Expiry?.Dispose();
        LogUnloaded(entry.Id);
        return UnloadAsync(entry);
    }

    private Task CloseAsync()
    {
        lock (_gate)
        {
            if (_closing is not null) return _closing;
            foreach (Entry entry in _models.Values) entry.Expiry?.Dispose();
            _closing = Task.WhenAll(_models.Values.Select(UnloadAsync));
            _models.Clear();
            return _closing;
        }
    }

    private static async Task UnloadAsync(Entry entry)
    {
        try
        {
            await (await entry.Model).UnloadAsync();
        }
        catch (Exception) when (entry.Model.IsFaulted)
        {
            // It was never loaded; its requests were told why.
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Model {Model} loaded in {Duration}")]
    private partial void LogLoaded(string model, TimeSpan duration);

    [LoggerMessage(Level = LogLevel.Information, Message = "Model {Model} unloaded")]
    private partial void LogUnloaded(string model);

    private sealed class Entry((string Folder, string? Adapter) key, string id, Task<LoadedModel> model)
    {
        public (string Folder, string? Adapter) Key => key;

        public string Id => id;

        public Task<LoadedModel> Model => model;

        public int Uses { get; set; }

        public long UnusedSince { get; set; }

        public ITimer? Expiry { get; set; }
    }
}

/// <summary>Keeps a model loaded until it is disposed.</summary>
internal sealed class ModelLease(LoadedModel model, Action release) : IDisposable
{
    public LoadedModel Model => model;

    public void Dispose() => release();
}
