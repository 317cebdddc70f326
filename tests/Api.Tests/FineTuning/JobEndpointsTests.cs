using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Api.Tests.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Queue;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.FineTuning;

public sealed class JobEndpointsTests(ApiServer server, PostgresServer postgres) : IClassFixture<ApiServer>
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task List_PagesNewestFirst(StorageProvider provider)
    {
        await using ApiServer own = await ApiServer.StartAsync(postgres, provider);
        Assert.Empty((await own.GetAsync("/v1/fine_tuning/jobs")).Ids());
        List<string> ids = [];
        for (int i = 0; i < 5; i++) ids.Insert(0, (await own.CreateGoodJobAsync()).Text("id"));

        Assert.Equal(ids, await FileEndpointsTests.AllPagesAsync(own, "/v1/fine_tuning/jobs?limit=2"));
        Assert.Equal(ids[..2], (await own.GetAsync("/v1/fine_tuning/jobs?limit=2")).Ids());
    }

    [Fact]
    public async Task List_IsNarrowedByMetadata()
    {
        await using ApiServer own = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        string red = (await own.CreateGoodJobAsync("", """, "metadata": {"team": "red", "run": "1"}""")).Text("id");
        string red2 = (await own.CreateGoodJobAsync("", """, "metadata": {"team": "red", "run": "2"}""")).Text("id");
        string blue = (await own.CreateGoodJobAsync("", """, "metadata": {"team": "blue"}""")).Text("id");
        string none = (await own.CreateGoodJobAsync()).Text("id");

        Assert.Equal([red2, red], (await own.GetAsync("/v1/fine_tuning/jobs?metadata[team]=red")).Ids());
        Assert.Equal([red], (await own.GetAsync("/v1/fine_tuning/jobs?metadata%5Bteam%5D=red&metadata[run]=1")).Ids());
        Assert.Equal([blue], (await own.GetAsync("/v1/fine_tuning/jobs?metadata[team]=blue&limit=1")).Ids());
        Assert.Equal([none], (await own.GetAsync("/v1/fine_tuning/jobs?metadata=null")).Ids());
        Assert.Equal([red2, red], await FileEndpointsTests.AllPagesAsync(own, "/v1/fine_tuning/jobs?metadata[team]=red&limit=1"));
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=1001", "limit")]
    [InlineData("limit=1.5", "limit")]
    [InlineData("after=ftjob-none", "after")]
    public async Task BadListQuery_NamesItsParameter(string query, string param)
    {
        using HttpResponseMessage response = await server.Client.GetAsync($"/v1/fine_tuning/jobs?{query}");
        Assert.Equal(param, (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
    }

    [Fact]
    public async Task UnknownJob_IsNotFoundEverywhere()
    {
        const string Job = "/v1/fine_tuning/jobs/ftjob-none";
        foreach (string path in new[] { Job, Job + "/events", Job + "/events?stream=true", Job + "/checkpoints", Job + "/metrics", Job + "/adapter", Job + "/checkpoints/x/adapter" })
        {
            using HttpResponseMessage response = await server.Client.GetAsync(path);
            Assert.Equal("No such FineTuningJob object: ftjob-none", (await response.ErrorAsync(HttpStatusCode.NotFound)).Message());
        }
        foreach (string verb in new[] { "cancel", "pause", "resume" })
        {
            using HttpResponseMessage response = await server.Client.PostAsync($"{Job}/{verb}", null);
            await response.ErrorAsync(HttpStatusCode.NotFound);
        }
    }

    [Fact]
    public async Task WaitingJob_IsCancelledAtOnceAndForGood()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        JsonObject cancelled = await ActAsync(id, "cancel");
        Assert.Equal("cancelled", cancelled.Text("status"));
        Assert.NotNull(cancelled["finished_at"]);
        Assert.Equal(["The job was cancelled.", $"Created fine-tuning job: {id}"], await MessagesAsync(id));

        foreach (string verb in new[] { "cancel", "pause", "resume" })
        {
            using HttpResponseMessage refused = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{id}/{verb}", null);
            await refused.ErrorAsync(HttpStatusCode.Conflict);
            Assert.Equal("false", refused.Headers.GetValues("x-should-retry").Single());
        }
    }

    [Fact]
    public async Task RunningJob_IsAskedOnce()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        await server.RunAsync(id);
        Assert.Equal("running", (await ActAsync(id, "pause")).Text("status"));
        Assert.Equal("running", (await ActAsync(id, "cancel")).Text("status"));
        Assert.Equal("running", (await ActAsync(id, "cancel")).Text("status"));
        Assert.Equal(["The job will be cancelled within a step.", "The job will be paused within a step.", $"Created fine-tuning job: {id}"], await MessagesAsync(id));
        await using TrainingDbContext db = server.CreateContext();
        FineTuningJob job = await db.Jobs.SingleAsync(j => j.Id == id);
        Assert.True(job.CancelRequested && job.PauseRequested);
    }

    [Fact]
    public async Task PausedJob_WaitsAgainWhenResumed()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        Assert.Equal("paused", (await ActAsync(id, "pause")).Text("status"));
        int before = server.Services.GetRequiredService<IJobQueue>().List().Waiting.Count;
        Assert.Equal("queued", (await ActAsync(id, "resume")).Text("status"));
        Assert.Contains(id, server.Services.GetRequiredService<IJobQueue>().List().Waiting);
        Assert.Equal(before, server.Services.GetRequiredService<IJobQueue>().List().Waiting.Count);
    }

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task RunningJob_ShowsItsProgress(StorageProvider provider)
    {
        await using ApiServer own = await ApiServer.StartAsync(postgres, provider);
        string validation = await own.UploadGoodFileAsync();
        string id = (await own.CreateGoodJobAsync("", $", \"validation_file\": \"{validation}\"")).Text("id");
        string other = (await own.CreateGoodJobAsync()).Text("id");
        await own.RunAsync(id);
        await using (TrainingDbContext db = own.CreateContext())
        {
            foreach (int step in new[] { 10, 20, 30 })
                db.Metrics.Add(new JobMetric(id, step, MetricSplit.Train, step / 20.0, new() { ["loss"] = 1.0 / step, ["rewards/margins"] = step }, s_now));
            db.Metrics.Add(new JobMetric(id, 20, MetricSplit.Eval, 1, new() { ["loss"] = 0.25 }, s_now));
            db.Metrics.Add(new JobMetric(other, 40, MetricSplit.Train, 1, new() { ["loss"] = 9 }, s_now));
            db.Checkpoints.Add(new JobCheckpoint("ftckpt_b", id, 20, "ft:demo-model:local::b:ckpt-step-20", "adapters/b", "{}", s_now));
            db.Checkpoints.Add(new JobCheckpoint("ftckpt_a", id, 10, "ft:demo-model:local::b:ckpt-step-10", "adapters/a", "{}", s_now));
            await db.SaveChangesAsync();
            await db.Jobs.Where(j => j.Id == id).ExecuteUpdateAsync(set => set
                .SetProperty(j => j.Step, 30).SetProperty(j => j.TotalSteps, 60).SetProperty(j => j.Epoch, 1.5)
                .SetProperty(j => j.PairsPerSecond, 12.5).SetProperty(j => j.EstimatedFinish, DateTime.SpecifyKind(new(2100, 1, 1), DateTimeKind.Utc)));
        }

        JsonObject job = await own.GetAsync($"/v1/fine_tuning/jobs/{id}");
        JsonNode progress = job["progress"]!;
        Assert.Equal((30, 60, 1.5, 12.5), (progress["step"]!.GetValue<int>(), progress["total_steps"]!.GetValue<int>(), progress["epoch"]!.GetValue<double>(), progress["pairs_per_second"]!.GetValue<double>()));
        Assert.Equal(30, progress["rewards/margins"]!.GetValue<double>());
        Assert.Equal(1.0 / 30, progress["loss"]!.GetValue<double>());
        Assert.Equal(0.25, progress["validation"]!["loss"]!.GetValue<double>());
        Assert.Equal(["ftckpt_a", "ftckpt_b"], progress["checkpoints"]!.AsArray().Select(c => c!.Text("id")));
        Assert.Equal(4102444800, job["estimated_finish"]!.GetValue<long>());

        JsonArray listed = (await own.GetAsync("/v1/fine_tuning/jobs"))["data"]!.AsArray();
        Assert.True(JsonNode.DeepEquals(job, listed[1]));
        Assert.Equal(9, listed[0]!["progress"]!["loss"]!.GetValue<double>());

        // Past, or past before the client has read it.
        foreach (DateTime late in new[] { s_now.AddYears(-20), TimeProvider.System.GetUtcNow().UtcDateTime.AddSeconds(2) })
        {
            await using (TrainingDbContext db = own.CreateContext())
                await db.Jobs.Where(j => j.Id == id).ExecuteUpdateAsync(set => set.SetProperty(j => j.EstimatedFinish, late));
            Assert.Null((await own.GetAsync($"/v1/fine_tuning/jobs/{id}"))["estimated_finish"]);
        }
    }

    [Fact]
    public async Task FailedJob_SaysWhy()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        await server.ChangeAsync(id, job => job.Fail("model_format", "config.json has no hidden_size.", "model", s_now));
        JsonNode error = (await server.GetAsync($"/v1/fine_tuning/jobs/{id}"))["error"]!;
        Assert.Equal(("model_format", "config.json has no hidden_size.", "model"), (error.Text("code"), error.Text("message"), error.Text("param")));
    }

    private async Task<JsonObject> ActAsync(string id, string verb)
    {
        using HttpResponseMessage response = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{id}/{verb}", null);
        return await response.JsonAsync();
    }

    private async Task<string[]> MessagesAsync(string id) =>
        [.. (await server.GetAsync($"/v1/fine_tuning/jobs/{id}/events"))["data"]!.AsArray().Select(e => e!.Text("message"))];
}
