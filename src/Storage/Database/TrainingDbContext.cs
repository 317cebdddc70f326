using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Models;
using TrainingService.Domain.Requests;
using TrainingService.Domain.Uploads;
using TrainingService.Domain.Webhooks;

namespace TrainingService.Storage.Database;

/// <summary>
/// The records of the service. Each provider derives its own context, because migrations belong to a context type.
/// </summary>
/// <param name="options">Options of the deriving context.</param>
public abstract class TrainingDbContext(DbContextOptions options) : DbContext(options)
{
    /// <summary>Uploaded files and results.</summary>
    public DbSet<StoredFile> Files => Set<StoredFile>();

    /// <summary>Fine-tuning jobs.</summary>
    public DbSet<FineTuningJob> Jobs => Set<FineTuningJob>();

    /// <summary>
    /// What happened to the jobs. <see cref="JobEvent.Sequence"/> is a safe cursor within one job only: PostgreSQL hands out
    /// identity values before the commit, so a value may become visible after a greater one of another transaction. Within
    /// a job the order holds because every writer of events locks the job's row first (<see cref="JobWrites"/>).
    /// </summary>
    public DbSet<JobEvent> Events => Set<JobEvent>();

    /// <summary>Kept checkpoints.</summary>
    public DbSet<JobCheckpoint> Checkpoints => Set<JobCheckpoint>();

    /// <summary>Metrics, one row for each (job, step, split).</summary>
    public DbSet<JobMetric> Metrics => Set<JobMetric>();

    /// <summary>Keys of the API, without their secrets.</summary>
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();

    /// <summary>Files that arrive in parts.</summary>
    public DbSet<Upload> Uploads => Set<Upload>();

    /// <summary>Their parts.</summary>
    public DbSet<UploadPart> UploadParts => Set<UploadPart>();

    /// <summary>Addresses that are told what happens.</summary>
    public DbSet<WebhookEndpoint> WebhookEndpoints => Set<WebhookEndpoint>();

    /// <summary>The messages to them.</summary>
    public DbSet<WebhookDelivery> WebhookDeliveries => Set<WebhookDelivery>();

    /// <summary>Requests that may be repeated, and their answers.</summary>
    public DbSet<IdempotencyRecord> IdempotencyRecords => Set<IdempotencyRecord>();

    /// <summary>Models on their way from the Hub.</summary>
    public DbSet<ModelDownload> ModelDownloads => Set<ModelDownload>();

    /// <inheritdoc/>
    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(TrainingDbContext).Assembly);

    /// <inheritdoc/>
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        configurationBuilder.Properties<DateTime>().HaveConversion<UtcDateTimeConverter>();
        configurationBuilder.Properties<JobStatus>().HaveConversion<WireNameConverter<JobStatus>>();
        configurationBuilder.Properties<KeyRole>().HaveConversion<WireNameConverter<KeyRole>>();
        configurationBuilder.Properties<ModelDownloadStatus>().HaveConversion<WireNameConverter<ModelDownloadStatus>>();
        configurationBuilder.Properties<UploadStatus>().HaveConversion<WireNameConverter<UploadStatus>>();
        configurationBuilder.Properties<Domain.Metrics.MetricSplit>().HaveConversion<WireNameConverter<Domain.Metrics.MetricSplit>>();
        configurationBuilder.Properties<Dictionary<string, string>>().HaveConversion<JsonConverter<Dictionary<string, string>>, JsonComparer<Dictionary<string, string>>>();
        configurationBuilder.Properties<Dictionary<string, double>>().HaveConversion<JsonConverter<Dictionary<string, double>>, JsonComparer<Dictionary<string, double>>>();
        configurationBuilder.Properties<List<string>>().HaveConversion<JsonConverter<List<string>>, JsonComparer<List<string>>>();
    }
}
