using System.Net;
using System.Text.Json.Nodes;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Models;

public sealed class ModelEndpointsTests(PostgresServer postgres)
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task Models_AreFoldersTunedModelsAndCheckpoints(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        Directory.CreateDirectory(Path.Combine(server.ModelsFolder, "acme", "tiny"));
        await File.WriteAllTextAsync(Path.Combine(server.ModelsFolder, "acme", "tiny", "config.json"), "{}");
        string id = (await server.CreateGoodJobAsync()).Text("id");
        await server.RunAsync(id);
        await server.ChangeAsync(id, job => job.Succeed("ft:acme/tiny:local:s:1", "adapters/1", [], s_now));
        await using (TrainingDbContext db = server.CreateContext())
        {
            db.Checkpoints.Add(new JobCheckpoint("ftckpt_1", id, 10, "ft:acme/tiny:local:s:1:ckpt-step-10", "adapters/2", "{}", s_now.AddSeconds(-1)));
            await db.SaveChangesAsync();
        }

        JsonObject list = await server.GetAsync("/v1/models");
        Assert.Equal("list", list.Text("object"));
        Assert.Equal(["acme/tiny", "demo-model", "ft:acme/tiny:local:s:1", "ft:acme/tiny:local:s:1:ckpt-step-10"], list.Ids());
        foreach (JsonNode? model in list["data"]!.AsArray())
        {
            Assert.Equal(["created", "id", "object", "owned_by"], model!.AsObject().Select(p => p.Key).Order());
            foreach (string path in new[] { model.Text("id"), Uri.EscapeDataString(model.Text("id")), model.Text("id").Replace("/", "%2f") })
            {
                JsonObject details = await server.GetAsync($"/v1/models/{path}");
                Assert.All(model.AsObject(), field => Assert.True(JsonNode.DeepEquals(field.Value, details[field.Key]), field.Key));
            }
        }
        Assert.Equal(new DateTimeOffset(s_now).ToUnixTimeSeconds(), list["data"]![2]!["created"]!.GetValue<long>());

        using HttpResponseMessage none = await server.Client.GetAsync("/v1/models/acme%2Fhuge");
        JsonObject error = await none.ErrorAsync(HttpStatusCode.NotFound);
        Assert.Equal(("The model 'acme/huge' does not exist. Known are acme/tiny, demo-model, and what jobs made.", "model"), (error.Message(), error.Param()));
    }
}
