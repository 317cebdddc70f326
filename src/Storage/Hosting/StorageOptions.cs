using System.ComponentModel.DataAnnotations;

namespace TrainingService.Storage.Hosting;

/// <summary>Where records, files and models lie: configuration section <c>Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Storage";

    /// <summary>The database of records and queue.</summary>
    public StorageProvider Provider { get; set; } = StorageProvider.Postgres;

    /// <summary>Connection string of the database; for SQLite e.g. <c>Data Source=data/training.db</c>.</summary>
    [Required(ErrorMessage = "Storage:ConnectionString is missing. Set it, e.g. Storage__ConnectionString='Host=localhost;Database=training;Username=training;Password=…'.")]
    public string ConnectionString { get; set; } = "";

    /// <summary>Folder of uploads, adapters and training states, shared by API and workers.</summary>
    [Required]
    public string FilesFolder { get; set; } = "data/files";

    /// <summary>Folder of the models that jobs may start from.</summary>
    [Required]
    public string ModelsFolder { get; set; } = "models";

    /// <summary>A second folder of models, for the sample that comes with the service; null for none.</summary>
    public string? SamplesFolder { get; set; }

    /// <summary>How long a start waits for the database to answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan StartupTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// After this long without a heartbeat the queue gives a worker's job to another. A stopping worker sends none, so it
    /// must be longer than a worker's shutdown.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:05", "1.00:00:00")]
    public TimeSpan QueueInvisibilityTimeout { get; set; } = TimeSpan.FromMinutes(2);
}

/// <summary>A database for the records, and with it a queue.</summary>
public enum StorageProvider
{
    /// <summary>PostgreSQL for records and queue: API and workers are processes of their own.</summary>
    Postgres,

    /// <summary>A SQLite file and a queue in memory, for one process.</summary>
    Sqlite,
}
