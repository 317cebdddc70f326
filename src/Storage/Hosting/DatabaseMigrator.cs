using System.Data;
using System.Data.Common;
using Hangfire.PostgreSql;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using TrainingService.Storage.Database;

namespace TrainingService.Storage.Hosting;

/// <summary>
/// Brings the database to this version's schema before anything else starts. API and workers may start at once: on
/// PostgreSQL they queue on an advisory lock, on SQLite on a locked file.
/// </summary>
internal sealed partial class DatabaseMigrator(
    IDbContextFactory<TrainingDbContext> contexts, IOptions<StorageOptions> options, TimeProvider timeProvider, ILogger<DatabaseMigrator> logger) : IHostedService
{
    // Any fixed number that nothing else in the database locks.
    private const long AdvisoryLock = 0x7261_696e_4450_4f;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        long start = timeProvider.GetTimestamp();
        while (true)
        {
            try
            {
                await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
                if (db.Database.IsNpgsql()) await MigratePostgresAsync(db, cancellationToken);
                else await MigrateSqliteAsync(db, cancellationToken);
                return;
            }
            catch (DbException e) when (e.IsTransient && timeProvider.GetElapsedTime(start) < options.Value.StartupTimeout)
            {
                LogWaiting(e.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), timeProvider, cancellationToken);
            }
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static async Task MigratePostgresAsync(TrainingDbContext db, CancellationToken cancellationToken)
    {
        // EF's own lock is on its history table, which two first starts would both try to create.
        await using var guard = new NpgsqlConnection(db.Database.GetConnectionString());
        await guard.OpenAsync(cancellationToken);
        await using (NpgsqlCommand acquire = guard.CreateCommand())
        {
            acquire.CommandText = "SELECT pg_advisory_lock($1)";
            acquire.CommandTimeout = 0;
            acquire.Parameters.AddWithValue(AdvisoryLock);
            await acquire.ExecuteNonQueryAsync(cancellationToken);
        }
        await db.Database.MigrateAsync(cancellationToken);
        PostgreSqlObjectsInstaller.Install(guard, new PostgreSqlStorageOptions().SchemaName);
        await using NpgsqlCommand release = guard.CreateCommand();
        release.CommandText = "SELECT pg_advisory_unlock($1)";
        release.Parameters.AddWithValue(AdvisoryLock);
        await release.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task MigrateSqliteAsync(TrainingDbContext db, CancellationToken cancellationToken)
    {
        string path = Path.GetFullPath(new SqliteConnectionStringBuilder(db.Database.GetConnectionString()).DataSource);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await using FileStream guard = await LockFileAsync(path + ".migrating", cancellationToken);

        // EF's lock is a row, which a process killed while migrating leaves behind for ever. We hold the file: no row here is alive.
        await db.Database.OpenConnectionAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = 'wal'", cancellationToken);
        await db.Database.ExecuteSqlRawAsync("DROP TABLE IF EXISTS \"__EFMigrationsLock\"", cancellationToken);
        await db.Database.MigrateAsync(cancellationToken);
    }

    private static async Task<FileStream> LockFileAsync(string path, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            }
            catch (IOException) when (attempt < 300)
            {
                await Task.Delay(100, cancellationToken);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database does not answer yet: {Reason}")]
    private partial void LogWaiting(string reason);
}
