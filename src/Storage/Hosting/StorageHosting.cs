using Hangfire;
using Hangfire.InMemory;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Routing;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Models;
using TrainingService.Storage.Queue;

namespace TrainingService.Storage.Hosting;

/// <summary>Adds everything durable to a host.</summary>
public static class StorageHosting
{
    /// <summary>Tag of the health checks that say whether the host can serve.</summary>
    private const string ReadyTag = "ready";

    /// <summary>
    /// Adds records, file store, queue and models as section <c>Storage</c> says. Call it before anything that starts
    /// with the host and needs the database: hosted services start in order, and the first one migrates.
    /// </summary>
    public static TBuilder AddStorage<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        IServiceCollection services = builder.Services;
        services.AddOptions<StorageOptions>().BindConfiguration(StorageOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddHostedService<DatabaseMigrator>();
        services.AddHealthChecks()
            .AddCheck<DatabaseHealthCheck>("database", tags: [ReadyTag])
            .AddCheck<FileStoreHealthCheck>("files", tags: [ReadyTag]);

        // The provider decides which context type there is, so it is read before the host is built.
        var provider = builder.Configuration.GetSection(StorageOptions.Section).GetValue(nameof(StorageOptions.Provider), StorageProvider.Postgres);
        if (provider == StorageProvider.Sqlite) services.AddSqlite();
        else services.AddPostgres();
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<TrainingDbContext>>().CreateDbContext());

        // Registered rather than set up through Hangfire's configuration, which keeps it in a static that hosts in one process share.
        services.AddHangfire((provider, hangfire) => hangfire
            .UseLogProvider(new HangfireLog(provider.GetRequiredService<ILoggerFactory>()))
            .SetDataCompatibilityLevel(CompatibilityLevel.Version_180)
            .UseSimpleAssemblyNameTypeSerializer()
            .UseRecommendedSerializerSettings()
            // Which errors are tried again is the runner's decision, and the job's row counts the attempts.
            .UseFilter(new AutomaticRetryAttribute { Attempts = 0 }));
        services.AddSingleton<IJobQueue, HangfireJobQueue>();
        services.AddSingleton<IFileStore>(provider => new LocalFileStore(Options(provider).FilesFolder));
        services.AddSingleton(provider => Options(provider) is { SamplesFolder: { } samples } options
            ? new ModelFolder(options.ModelsFolder, samples)
            : new ModelFolder(Options(provider).ModelsFolder));
        services.AddSingleton<ModelCatalog>();
        services.AddHub();
        services.AddSingleton(TimeProvider.System);
        return builder;
    }

    private static void AddHub(this IServiceCollection services)
    {
        services.AddOptions<HubOptions>().BindConfiguration(HubOptions.Section)
            .Configure<IConfiguration>((hub, configuration) =>
            {
                // Compose files pass an empty text where nothing is set.
                if (configuration["HF_ENDPOINT"] is { Length: > 0 } endpoint)
                    hub.Endpoint = Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? address) ? address : new(endpoint, UriKind.Relative);
                if (configuration["HF_TOKEN"] is { Length: > 0 } token) hub.Token = token;
            })
            .Validate(hub => hub.Endpoint is { IsAbsoluteUri: true, Scheme: "https" or "http", Query: "" }, "HF_ENDPOINT must be an address such as https://huggingface.co.")
            .Validate(hub => hub.Token is null || hub.Token.All(c => c is > ' ' and < '\x7f'), "HF_TOKEN must be a token as the Hub gives it, without spaces and line breaks.")
            .ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<HubClient>();
        services.AddSingleton<DownloadPlanner>();
        services.AddSingleton<HubRetries>();
        services.AddSingleton<HubDownloader>();
        services.AddSingleton<FreeSpace>(folder => new DriveInfo(folder).AvailableFreeSpace);
    }

    /// <summary>Maps <c>/health/live</c>, the process answers, and <c>/health/ready</c>, it can serve.</summary>
    public static void MapHealth(this IEndpointRouteBuilder endpoints)
    {
        endpoints.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
        endpoints.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(ReadyTag) });
    }

    private static StorageOptions Options(IServiceProvider provider) => provider.GetRequiredService<IOptions<StorageOptions>>().Value;

    private static void AddPostgres(this IServiceCollection services)
    {
        services.AddDbContextFactory<PostgresDbContext>((provider, options) => options.UseNpgsql(Options(provider).ConnectionString).LogQuietly());
        services.AddSingleton<IDbContextFactory<TrainingDbContext>>(provider => new ProviderContextFactory<PostgresDbContext>(provider.GetRequiredService<IDbContextFactory<PostgresDbContext>>()));
        services.AddSingleton<JobStorage>(provider =>
        {
            var options = new PostgreSqlStorageOptions
            {
                // The migrator does it, under the lock that it takes for our own tables.
                PrepareSchemaIfNecessary = false,
                // Off, a job longer than the timeout is given to a second worker while the first still trains it.
                UseSlidingInvisibilityTimeout = true,
                InvisibilityTimeout = Options(provider).QueueInvisibilityTimeout,
                QueuePollInterval = TimeSpan.FromSeconds(5),
                EnableLongPolling = true,
            };
            return new PostgreSqlStorage(new NpgsqlConnectionFactory(Options(provider).ConnectionString, options), options);
        });
    }

    private static void AddSqlite(this IServiceCollection services)
    {
        services.AddDbContextFactory<SqliteDbContext>((provider, options) => options.UseSqlite(
            // A writer waits for another one rather than fail: the API writes while the worker flushes metrics.
            new SqliteConnectionStringBuilder(Options(provider).ConnectionString) { ForeignKeys = true, DefaultTimeout = 30 }.ConnectionString).LogQuietly());
        services.AddSingleton<IDbContextFactory<TrainingDbContext>>(provider => new ProviderContextFactory<SqliteDbContext>(provider.GetRequiredService<IDbContextFactory<SqliteDbContext>>()));
        // Nothing of this queue survives a restart: the worker's sweeper fills it anew from the job table.
        services.AddSingleton<JobStorage>(_ => new InMemoryStorage(new InMemoryStorageOptions { MaxExpirationTime = TimeSpan.FromHours(1) }));
    }

    /// <summary>A worker writes every second: each statement as information would bury the rest of the log.</summary>
    private static DbContextOptionsBuilder LogQuietly(this DbContextOptionsBuilder options) =>
        options.ConfigureWarnings(warnings => warnings.Log((RelationalEventId.CommandExecuted, LogLevel.Debug)));
}
