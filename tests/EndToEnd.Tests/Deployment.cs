using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

/// <summary>The production shape: Api and Worker as processes of their own over one PostgreSQL and one folder.</summary>
internal sealed class Deployment : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("deployment-");
    private readonly Dictionary<string, string> _settings;
    private readonly List<HostProcess> _processes = [];

    private Deployment(string connectionString)
    {
        ModelsFolder = Path.Combine(_folder.FullName, "models");
        Directory.CreateDirectory(ModelsFolder);
        _settings = new()
        {
            ["Storage__Provider"] = "Postgres",
            ["Storage__ConnectionString"] = connectionString,
            ["Storage__FilesFolder"] = Path.Combine(_folder.FullName, "files"),
            ["Storage__ModelsFolder"] = ModelsFolder,
            ["Storage__SamplesFolder"] = RepositoryRoot.PathOf("samples"),
            ["Storage__QueueInvisibilityTimeout"] = "00:00:50",
            ["Api__AllowAnonymous"] = "true",
            ["Worker__LeaseDuration"] = "00:00:05",
            ["Worker__SweepInterval"] = "00:00:01",
            ["Worker__StateInterval"] = "00:00:01",
            ["Worker__FlushInterval"] = "00:00:00.2",
        };
    }

    /// <summary>Where tests put models.</summary>
    public string ModelsFolder { get; }

    /// <summary>A folder for what a test downloads.</summary>
    public string Scratch => _folder.CreateSubdirectory("scratch").FullName;

    /// <summary>The API's client.</summary>
    public ApiClient Api { get; private set; } = null!;

    /// <summary>Starts the API; workers are started by the tests.</summary>
    public static async Task<Deployment> StartAsync(PostgresServer server)
    {
        var deployment = new Deployment(await server.CreateDatabaseAsync());
        await deployment.StartApiAsync();
        return deployment;
    }

    public async Task<HostProcess> StartApiAsync()
    {
        HostProcess api = await StartAsync("Api");
        Api = new(new HttpClient { BaseAddress = api.Address, Timeout = TimeSpan.FromMinutes(2) });
        return api;
    }

    public Task<HostProcess> StartWorkerAsync() => StartAsync("Worker");

    public async ValueTask DisposeAsync()
    {
        foreach (HostProcess process in _processes) await process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task<HostProcess> StartAsync(string host)
    {
        HostProcess process = await HostProcess.StartAsync(host, _settings);
        _processes.Add(process);
        return process;
    }
}
