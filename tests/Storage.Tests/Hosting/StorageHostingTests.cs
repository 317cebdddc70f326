using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Hosting;

public sealed class StorageHostingTests(PostgresServer server)
{
    [Theory, InlineData(StorageProvider.Postgres), InlineData(StorageProvider.Sqlite)]
    public async Task Health_IsGoodWhileDatabaseAndFilesAnswer(StorageProvider provider)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, provider);
        HealthReport report = await storage.Get<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Healthy, report.Status);
        Assert.Equal(["database", "files"], report.Entries.Keys.Order());
    }

    [Fact]
    public async Task Health_WithoutTheFilesFolder_SaysSo()
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite);
        await storage.Get<HealthCheckService>().CheckHealthAsync();
        Directory.Delete(Path.Combine(storage.Folder, "files"), recursive: true);
        File.WriteAllText(Path.Combine(storage.Folder, "files"), "not a folder");
        HealthReport report = await storage.Get<HealthCheckService>().CheckHealthAsync();
        Assert.Equal(HealthStatus.Unhealthy, report.Entries["files"].Status);
        Assert.Contains("health", report.Entries["files"].Description);
    }

    [Fact]
    public async Task Start_WithoutConnectionString_SaysHowToSetIt()
    {
        using IHost host = TestStorage.Build(new() { ["Storage:Provider"] = "Postgres" });
        var e = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.Contains("Storage__ConnectionString", e.Message);
    }

    [Fact]
    public async Task Start_WhenTheDatabaseNeverAnswers_EndsAfterTheTimeout()
    {
        using IHost host = TestStorage.Build(new()
        {
            ["Storage:Provider"] = "Postgres",
            ["Storage:ConnectionString"] = "Host=127.0.0.1;Port=1;Database=x;Username=x;Timeout=1",
            ["Storage:StartupTimeout"] = "00:00:01",
        });
        await Assert.ThrowsAnyAsync<Npgsql.NpgsqlException>(() => host.StartAsync());
    }
}
