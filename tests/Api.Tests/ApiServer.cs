using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Tests;

namespace TrainingService.Api.Tests;

/// <summary>The whole API on a port of its own over an empty database and an empty folder; no worker runs.</summary>
public sealed class ApiServer : IAsyncLifetime
{
    public const string GoodRow = """{"prompt": "Name a colour.", "chosen": "Blue.", "rejected": "What a lovely question! Blue."}""";

    // Hangfire keeps the first host's logger factory for the whole process, so one that outlives all hosts is theirs.
    private static readonly ILoggerFactory s_loggers = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Warning));

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("api-");
    private readonly Dictionary<string, string?> _configuration = [];
    private WebApplication _app = null!;

    public HttpClient Client { get; private set; } = null!;

    public IServiceProvider Services => _app.Services;

    private string FilesFolder => Path.Combine(_folder.FullName, "files");

    public string ModelsFolder => Path.Combine(_folder.FullName, "models");

    /// <summary>Everything in the file store, contents and what is on its way in.</summary>
    public string[] StoredPaths() => Directory.Exists(FilesFolder)
        ? [.. Directory.EnumerateFiles(FilesFolder, "*", SearchOption.AllDirectories).Order()]
        : [];

    /// <summary>A server over the provider's database, with the given settings beside the usual ones.</summary>
    public static async Task<ApiServer> StartAsync(PostgresServer postgres, StorageProvider provider, params (string Key, string Value)[] settings)
    {
        var server = new ApiServer();
        if (provider == StorageProvider.Postgres)
        {
            server._configuration["Storage:Provider"] = nameof(StorageProvider.Postgres);
            server._configuration["Storage:ConnectionString"] = await postgres.CreateDatabaseAsync();
        }
        foreach ((string key, string value) in settings) server._configuration[key] = value;
        await server.InitializeAsync();
        return server;
    }

    /// <summary>A server that asks for keys.</summary>
    public static Task<ApiServer> StartKeyedAsync(PostgresServer postgres, StorageProvider provider, params (string Key, string Value)[] settings) =>
        StartAsync(postgres, provider, [("Api:AllowAnonymous", "false"), .. settings]);

    /// <summary>A client of a new key.</summary>
    public async Task<HttpClient> CreateClientAsync(KeyRole role, string owner)
    {
        (ApiKey _, string secret) = await Services.GetRequiredService<KeyRing>().CreateAsync(role, owner, CancellationToken.None);
        return CreateClient(secret);
    }

    public HttpClient CreateClient(string? secret)
    {
        // A cookie would be a second way in that nobody sees.
        var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Client.BaseAddress };
        if (secret is not null) client.DefaultRequestHeaders.Authorization = new("Bearer", secret);
        return client;
    }

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection(TestStorage.SettingsIn(_folder.FullName));
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Api:AllowAnonymous"] = "true",
            ["Api:EventPollInterval"] = "00:00:00.020",
        });
        builder.Configuration.AddInMemoryCollection(_configuration);
        builder.Services.AddSingleton(s_loggers);
        builder.Services.AddRouting();
        builder.AddStorage();
        builder.AddApi();
        _app = builder.Build();
        _app.MapApi();
        await _app.StartAsync();
        Client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()) };
    }

    /// <summary>Stops the host and starts another over the same database and folder.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await InitializeAsync();
    }

    public TrainingDbContext CreateContext() => Services.GetRequiredService<IDbContextFactory<TrainingDbContext>>().CreateDbContext();

    /// <summary>Sends an upload; the parts stand in the given order.</summary>
    public Task<HttpResponseMessage> UploadAsync(params (string Name, HttpContent Content, string? Filename)[] parts)
    {
        var form = new MultipartFormDataContent();
        foreach ((string name, HttpContent content, string? filename) in parts)
            if (filename is null) form.Add(content, name);
            else form.Add(content, name, filename);
        return Client.PostAsync("/v1/files", form);
    }

    public Task<HttpResponseMessage> UploadTextAsync(string text, string filename = "rows.jsonl", string purpose = "fine-tune") =>
        UploadAsync(("purpose", new StringContent(purpose), null), ("file", new StringContent(text), filename));

    /// <summary>Uploads a good file and returns its id.</summary>
    public async Task<string> UploadGoodFileAsync()
    {
        using HttpResponseMessage response = await UploadTextAsync(GoodRow);
        return (await response.JsonAsync())["id"]!.GetValue<string>();
    }

    public async Task<HttpResponseMessage> CreateJobAsync(string json)
    {
        using var content = new StringContent(json, new MediaTypeHeaderValue("application/json"));
        return await Client.PostAsync("/v1/fine_tuning/jobs", content);
    }

    /// <summary>Creates a job of the sample model and returns its record.</summary>
    /// <param name="method">More fields of <c>method</c>, each with a comma before it.</param>
    /// <param name="top">More fields of the request, likewise.</param>
    public async Task<JsonObject> CreateGoodJobAsync(string method = "", string top = "")
    {
        string file = await UploadGoodFileAsync();
        using HttpResponseMessage response = await CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "dpo"{{method}} }{{top}} }""");
        return await response.JsonAsync();
    }

    public async Task<JsonObject> GetAsync(string path)
    {
        using HttpResponseMessage response = await Client.GetAsync(path);
        return await response.JsonAsync();
    }

    /// <summary>Puts a job where a worker's claim puts it.</summary>
    public async Task RunAsync(string jobId)
    {
        await using TrainingDbContext db = CreateContext();
        await db.Jobs.Where(j => j.Id == jobId).ExecuteUpdateAsync(set => set
            .SetProperty(j => j.Status, JobStatus.Running)
            .SetProperty(j => j.LeaseEpoch, j => j.LeaseEpoch + 1));
    }

    /// <summary>Changes a job as its worker does.</summary>
    public async Task ChangeAsync(string jobId, Action<FineTuningJob> change, params JobEvent[] events)
    {
        await using TrainingDbContext db = CreateContext();
        await db.ChangeJobAsync(jobId, job =>
        {
            change(job);
            return events;
        }, CancellationToken.None);
    }

    private async Task StopAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
