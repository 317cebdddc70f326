using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrainingService.Api.Hosting;
using TrainingService.Inference.Hosting;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Inference.Tests.Forwarding;

/// <summary>The API on a port of its own, alone as its host maps it or with the models in one process.</summary>
internal sealed class ApiHost : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("forwarding-");
    private readonly WebApplication _app;

    private ApiHost(string? workerUrl, bool withInference, IEnumerable<KeyValuePair<string, string?>> settings)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection(TestStorage.SettingsIn(_folder.FullName));
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Inference:WorkerUrl"] = workerUrl,
            ["Api:AllowAnonymous"] = "true",
        });
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddRouting();
        builder.AddStorage();
        builder.AddApi();
        if (withInference) builder.AddInference();
        _app = builder.Build();
        _app.MapApi();
        if (withInference) _app.MapInference();
    }

    public HttpClient Client { get; } = new();

    public static async Task<ApiHost> StartAsync(string? workerUrl, bool withInference = false, params IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var host = new ApiHost(workerUrl, withInference, settings);
        try
        {
            await host._app.StartAsync();
            host.Client.BaseAddress = new Uri(host._app.Urls.Single());
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
