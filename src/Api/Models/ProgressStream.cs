using System.Net.ServerSentEvents;
using TrainingService.Api.Hosting;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Models;

/// <summary>A model's way from the Hub as it happens.</summary>
internal sealed class ProgressStream(IServiceScopeFactory scopes, SseFeed feed)
{
    /// <summary>Its progress whenever there is any, then the model once it is ready, has failed or was cancelled.</summary>
    public IAsyncEnumerable<SseItem<object>> ReadAsync(string model, Caller caller, HttpResponse response, CancellationToken cancellationToken)
    {
        ModelDownloadObject? told = null;
        return feed.ReadAsync(async token =>
        {
            await using AsyncServiceScope scope = scopes.CreateAsyncScope();
            ModelDetailsObject? now = await scope.ServiceProvider.GetRequiredService<ModelDescriptions>().FindAsync(model, caller, token);
            if (now is not { Status: ModelDescriptions.Downloading, Download: { } download })
                return new([new(now ?? (object)new DeletedModelObject(model, true), "status")], Ended: true);
            if (download == told) return new([]);
            told = download;
            return new([new(download, "progress")]);
        }, response, cancellationToken);
    }
}
