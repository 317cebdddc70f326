using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;

namespace TrainingService.Tests;

/// <summary>A host with real storage over an empty database and an empty folder.</summary>
public sealed class TestStorage : IAsyncDisposable
{
    private readonly DirectoryInfo _folder;
    private readonly IHost _host;

    private TestStorage(DirectoryInfo folder, IHost host, Dictionary<string, string?> configuration) =>
        (_folder, _host, Configuration) = (folder, host, configuration);

    /// <summary>The configuration, for a second host over the same storage.</summary>
    public Dictionary<string, string?> Configuration { get; }

    /// <summary>The folder that holds everything.</summary>
    public string Folder => _folder.FullName;

    public IServiceProvider Services => _host.Services;

    public T Get<T>() where T : notnull => Services.GetRequiredService<T>();

    public TrainingDbContext CreateContext() => Get<IDbContextFactory<TrainingDbContext>>().CreateDbContext();

    /// <summary>Settings of a storage that lies in one folder, over SQLite.</summary>
    public static Dictionary<string, string?> SettingsIn(string folder) => new()
    {
        ["Storage:Provider"] = nameof(StorageProvider.Sqlite),
        ["Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "training.db")}",
        ["Storage:FilesFolder"] = Path.Combine(folder, "files"),
        ["Storage:ModelsFolder"] = Path.Combine(folder, "models"),
        ["Storage:SamplesFolder"] = RepositoryRoot.PathOf("samples"),
    };

    /// <summary>Starts a host, and with it migrates the database.</summary>
    /// <param name="server">The server that a PostgreSQL database is made on.</param>
    /// <param name="provider">The provider.</param>
    /// <param name="configure">More services, e.g. a clock.</param>
    public static async Task<TestStorage> StartAsync(PostgresServer server, StorageProvider provider, Action<HostApplicationBuilder>? configure = null)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("storage-");
        Dictionary<string, string?> configuration = SettingsIn(folder.FullName);
        if (provider == StorageProvider.Postgres)
        {
            configuration["Storage:Provider"] = nameof(StorageProvider.Postgres);
            configuration["Storage:ConnectionString"] = await server.CreateDatabaseAsync();
        }
        IHost host = Build(configuration, configure);
        await host.StartAsync();
        return new(folder, host, configuration);
    }

    /// <summary>A host over the given storage.</summary>
    public static IHost Build(Dictionary<string, string?> configuration, Action<HostApplicationBuilder>? configure = null)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(configuration);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.AddStorage();
        configure?.Invoke(builder);
        return builder.Build();
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        _host.Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
