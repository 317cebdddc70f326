using System.Net;
using System.Text.Json.Nodes;
using TrainingService.Api.Tests.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.FineTuning;

/// <summary>Events, checkpoints and metrics of a job.</summary>
public sealed class JobHistoryTests(PostgresServer postgres)
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task EventsAndCheckpoints_PageNewestFirst(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        string id = (await server.CreateGoodJobAsync()).Text("id");
        string other = (await server.CreateGoodJobAsync()).Text("id");
        await using (TrainingDbContext db = server.CreateContext())
        {
            for (int i = 1; i <= 4; i++)
            {
                db.Events.Add(new JobEvent($"ftevent-{i}", id, "info", "metrics", $"Step {i}/4", $$"""{"step": {{i}}, "loss": 0.5}""", s_now));
                db.Checkpoints.Add(new JobCheckpoint($"ftckpt_{i}", id, 10 * i, $"ft:demo-model:local::x:ckpt-step-{10 * i}", $"adapters/{i}", """{"step": 10, "loss": 0.5}""", s_now));
                await db.SaveChangesAsync();
            }
        }

        List<string> events = await FileEndpointsTests.AllPagesAsync(server, $"/v1/fine_tuning/jobs/{id}/events?limit=2");
        Assert.Equal(["ftevent-4", "ftevent-3", "ftevent-2", "ftevent-1"], events[..^1]);
        JsonNode newest = (await server.GetAsync($"/v1/fine_tuning/jobs/{id}/events?limit=1"))["data"]![0]!;
        Assert.Equal(("metrics", "Step 4/4", 4), (newest.Text("type"), newest.Text("message"), newest["data"]!["step"]!.GetValue<int>()));

        Assert.Equal(["ftckpt_4", "ftckpt_3", "ftckpt_2", "ftckpt_1"], await FileEndpointsTests.AllPagesAsync(server, $"/v1/fine_tuning/jobs/{id}/checkpoints?limit=3"));
        JsonNode checkpoint = (await server.GetAsync($"/v1/fine_tuning/jobs/{id}/checkpoints"))["data"]![3]!;
        Assert.Equal(("fine_tuning.job.checkpoint", id, 10), (checkpoint.Text("object"), checkpoint.Text("fine_tuning_job_id"), checkpoint["step_number"]!.GetValue<int>()));
        Assert.Equal("ft:demo-model:local::x:ckpt-step-10", checkpoint.Text("fine_tuned_model_checkpoint"));
        Assert.Equal(0.5, checkpoint["metrics"]!["loss"]!.GetValue<double>());

        // Another job's ids are no cursors here.
        foreach (string list in new[] { "events?after=ftevent-1", "checkpoints?after=ftckpt_1" })
        {
            using HttpResponseMessage response = await server.Client.GetAsync($"/v1/fine_tuning/jobs/{other}/{list}");
            Assert.Equal("after", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
        }
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task Metrics_AscendAndNeverPartTheRowsOfAStep(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        string id = (await server.CreateGoodJobAsync()).Text("id");
        await using (TrainingDbContext db = server.CreateContext())
        {
            for (int step = 10; step <= 50; step += 10)
            {
                db.Metrics.Add(new JobMetric(id, step, MetricSplit.Train, step / 50.0, new() { ["loss"] = step, ["rewards/margins"] = 1e-7 }, s_now));
                if (step % 20 == 0) db.Metrics.Add(new JobMetric(id, step, MetricSplit.Eval, step / 50.0, new() { ["loss"] = -step }, s_now));
            }
            await db.SaveChangesAsync();
        }

        string[] all = ["10 train", "20 train", "20 eval", "30 train", "40 train", "40 eval", "50 train"];
        for (int limit = 1; limit <= 8; limit++)
        {
            List<string> rows = [];
            string after = "";
            JsonObject page;
            do
            {
                page = await server.GetAsync($"/v1/fine_tuning/jobs/{id}/metrics?limit={limit}{after}");
                string[] here = [.. page["data"]!.AsArray().Select(m => $"{m!["step"]} {m["split"]}")];
                Assert.InRange(here.Length, 1, limit + 1);
                rows.AddRange(here);
                after = $"&after_step={page["data"]!.AsArray()[^1]!["step"]}";
            }
            while (page["has_more"]!.GetValue<bool>());
            Assert.Equal(all, rows);
        }
        JsonArray evaluations = (await server.GetAsync($"/v1/fine_tuning/jobs/{id}/metrics?split=eval"))["data"]!.AsArray();
        Assert.Equal([20, 40], evaluations.Select(m => m!["step"]!.GetValue<int>()));
        JsonNode row = (await server.GetAsync($"/v1/fine_tuning/jobs/{id}/metrics?after_step=40"))["data"]![0]!;
        Assert.Equal(("fine_tuning.job.metric", 1.0, 1e-7), (row.Text("object"), row["epoch"]!.GetValue<double>(), row["values"]!["rewards/margins"]!.GetValue<double>()));

        foreach ((string query, string param) in new[] { ("split=test", "split"), ("limit=0", "limit"), ("after_step=x", "after_step") })
        {
            using HttpResponseMessage response = await server.Client.GetAsync($"/v1/fine_tuning/jobs/{id}/metrics?{query}");
            Assert.Equal(param, (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
        }
    }
}
