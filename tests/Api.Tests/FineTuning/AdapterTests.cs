using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Tests.FineTuning;

public sealed class AdapterTests(ApiServer server) : IClassFixture<ApiServer>
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);
    private readonly byte[] _zip = RandomNumberGenerator.GetBytes(5000);

    [Fact]
    public async Task Adapter_IsThereOnceTheJobSucceeded()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        string path = $"/v1/fine_tuning/jobs/{id}/adapter";
        await server.RunAsync(id);
        await using (TrainingDbContext db = server.CreateContext())
            await db.Jobs.Where(j => j.Id == id).ExecuteUpdateAsync(set => set.SetProperty(j => j.TotalSteps, 20));
        using (HttpResponseMessage early = await server.Client.GetAsync(path))
            Assert.Contains("is running, at step 0 of 20; its adapter is there once it succeeded", (await early.ErrorAsync(HttpStatusCode.Conflict)).Message());

        string model = TunedModelName.Of("demo-model", "colours", id);
        await StoreAsync($"adapters/{id}");
        await server.ChangeAsync(id, job => job.Succeed(model, $"adapters/{id}", [], s_now));
        await DownloadsAsync(path, $"{id}.zip");
        Assert.Equal(model, (await server.GetAsync($"/v1/fine_tuning/jobs/{id}")).Text("fine_tuned_model"));
    }

    [Fact]
    public async Task JobThatFailed_HasNoAdapter()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        await server.ChangeAsync(id, job => job.Fail("x", "y", null, s_now));
        using HttpResponseMessage response = await server.Client.GetAsync($"/v1/fine_tuning/jobs/{id}/adapter");
        Assert.Contains("is failed, so it made no adapter", (await response.ErrorAsync(HttpStatusCode.NotFound)).Message());
    }

    [Fact]
    public async Task Checkpoint_HasAnAdapterOfItsOwn()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id"), other = (await server.CreateGoodJobAsync()).Text("id");
        string checkpoint = StableIds.Checkpoint(id, 10);
        await StoreAsync($"adapters/{id}.10");
        await using (TrainingDbContext db = server.CreateContext())
        {
            db.Checkpoints.Add(new JobCheckpoint(checkpoint, id, 10, $"ft:demo-model:local::{id}:ckpt-step-10", $"adapters/{id}.10", "{}", s_now));
            await db.SaveChangesAsync();
        }
        await DownloadsAsync($"/v1/fine_tuning/jobs/{id}/checkpoints/{checkpoint}/adapter", $"{id}-step-10.zip");
        using HttpResponseMessage elsewhere = await server.Client.GetAsync($"/v1/fine_tuning/jobs/{other}/checkpoints/{checkpoint}/adapter");
        Assert.Equal("checkpoint_id", (await elsewhere.ErrorAsync(HttpStatusCode.NotFound)).Param());
    }

    private async Task StoreAsync(string key)
    {
        await using FileStoreWriter writer = server.Services.GetRequiredService<IFileStore>().Create(key);
        await writer.WriteAsync(_zip);
        await writer.CommitAsync(CancellationToken.None);
    }

    private async Task DownloadsAsync(string path, string filename)
    {
        using HttpResponseMessage whole = await server.Client.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, whole.StatusCode);
        Assert.Equal(_zip, await whole.Content.ReadAsByteArrayAsync());
        Assert.Equal(_zip.Length, whole.Content.Headers.ContentLength);
        Assert.Equal("application/zip", whole.Content.Headers.ContentType?.MediaType);
        Assert.Equal(filename, whole.Content.Headers.ContentDisposition?.FileName);

        using var resume = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Range = new RangeHeaderValue(4000, null), IfRange = new(whole.Headers.ETag!) } };
        using HttpResponseMessage rest = await server.Client.SendAsync(resume);
        Assert.Equal(HttpStatusCode.PartialContent, rest.StatusCode);
        Assert.Equal(_zip[4000..], await rest.Content.ReadAsByteArrayAsync());

        using var again = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { IfNoneMatch = { whole.Headers.ETag! } } };
        using HttpResponseMessage unchanged = await server.Client.SendAsync(again);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }
}
