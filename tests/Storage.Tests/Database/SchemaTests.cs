using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Database;

public sealed class SchemaTests(PostgresServer server)
{
    [Fact]
    public void Migrations_DescribeTheModelOfPostgres()
    {
        using PostgresDbContext db = new PostgresDesignTimeFactory().CreateDbContext([]);
        Assert.False(db.Database.HasPendingModelChanges(), "The model changed: dotnet ef migrations add NAME --context PostgresDbContext");
    }

    [Fact]
    public void Migrations_DescribeTheModelOfSqlite()
    {
        using SqliteDbContext db = new SqliteDesignTimeFactory().CreateDbContext([]);
        Assert.False(db.Database.HasPendingModelChanges(), "The model changed: dotnet ef migrations add NAME --context SqliteDbContext");
    }

    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Hosts_ThatStartAtOnce_MigrateOnce(StorageProvider provider)
    {
        // The first host made the database; its schema goes away again, so that the next ones start on an empty one.
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        if (provider == StorageProvider.Sqlite)
            storage.Configuration["Storage:ConnectionString"] = $"Data Source={Path.Combine(storage.Folder, "new", "training.db")}";
        else
            storage.Configuration["Storage:ConnectionString"] = await server.CreateDatabaseAsync();

        IHost[] hosts = [.. Enumerable.Range(0, 4).Select(_ => TestStorage.Build(storage.Configuration))];
        await Task.WhenAll(hosts.Select(h => Task.Run(() => h.StartAsync())));
        foreach (IHost host in hosts)
        {
            await host.StopAsync();
            host.Dispose();
        }

        using IHost last = TestStorage.Build(storage.Configuration);
        await using var db = (TrainingDbContext)last.Services.GetService(typeof(TrainingDbContext))!;
        Assert.Equal(db.Database.GetMigrations(), await db.Database.GetAppliedMigrationsAsync());
        Assert.Equal(0, await db.Jobs.CountAsync());
    }

    [Fact]
    public async Task Sqlite_AfterAProcessDiedWhileMigrating_StartsAgain()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite);
        await using (TrainingDbContext db = storage.CreateContext())
            await db.Database.ExecuteSqlRawAsync("CREATE TABLE IF NOT EXISTS \"__EFMigrationsLock\" (\"Id\" INTEGER PRIMARY KEY, \"Timestamp\" TEXT NOT NULL); INSERT OR REPLACE INTO \"__EFMigrationsLock\" VALUES (1, '2026-01-01')");

        using IHost next = TestStorage.Build(storage.Configuration);
        await next.StartAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await next.StopAsync();
    }

    [Fact]
    public async Task Sqlite_UsesWriteAheadLogAndForeignKeys()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite);
        await using TrainingDbContext db = storage.CreateContext();
        Assert.Equal("wal", await Pragma<string>(db, "journal_mode"));
        Assert.Equal(1L, await Pragma<long>(db, "foreign_keys"));
    }

    private static async Task<T> Pragma<T>(TrainingDbContext db, string name)
    {
        await db.Database.OpenConnectionAsync();
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = $"PRAGMA {name}";
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
