using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

/// <summary>What /validate expects of a worker's memory, beside what a worker of its own had at its highest.</summary>
public class MemoryEstimateTests(PostgresServer server, ITestOutputHelper output)
{
    /// <summary>docs/decisions/0012-memory-estimate.md states it.</summary>
    private const double Factor = 1.5;

    public static TheoryData<string, string, int, string?> Runs =>
    [
        ("dpo", "float32", 60, null),
        ("supervised", "bfloat16", 60, """{"target_modules": "all-linear", "use_dora": true}"""),
        ("kto", "float32", 30, """{"modules_to_save": ["lm_head"]}"""),
    ];

    [Theory]
    [MemberData(nameof(Runs))]
    public async Task EstimateForTheSampleModel_IsWithinTheStatedFactor(string method, string dtype, int batch, string? lora)
    {
        await using Deployment deployment = await Deployment.StartAsync(server);
        HostProcess worker = await deployment.StartWorkerAsync();
        string file = await deployment.Api.UploadAsync("rows.jsonl", await File.ReadAllTextAsync(RepositoryRoot.PathOf("samples", "concise-train.jsonl")));
        JsonObject settings = new() { ["batch_size"] = batch, ["max_steps"] = 3, ["dtype"] = dtype, ["save_strategy"] = "no" };
        JsonObject? adapter = lora is null ? null : JsonNode.Parse(lora)!.AsObject();
        long estimate = await deployment.Api.EstimateMemoryAsync("demo-model", file, settings, adapter, method);
        await deployment.Api.SucceededAsync(await deployment.Api.CreateJobAsync("demo-model", file, settings, null, adapter, method));
        Compare(estimate, worker, output);
    }

    internal static void Compare(long estimate, HostProcess worker, ITestOutputHelper output)
    {
        double peak = worker.PeakBytes;
        output.WriteLine($"estimated {estimate >> 20} MiB, at its highest {(long)peak >> 20} MiB, {estimate / peak:0.00} of it");
        Assert.InRange(estimate / peak, 1 / Factor, Factor);
    }
}
