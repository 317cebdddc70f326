using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.FineTuning;

public sealed class MetadataFilterTests(PostgresServer postgres)
{
    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task Entries_AreComparedExactly(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider);
        (string Key, string Value)[] entries =
            [("team", "red"), ("quote\"d", "a \"b\" %_\\"), ("ключ", "значение 🦁"), ("nul", "a\0b"), ("empty", ""), ("a", ":"), ("Team", "red"), ("<script>", "&+'")];
        Dictionary<string, string> jobs = [];
        foreach ((string key, string value) in entries)
        {
            var metadata = new JsonObject { [key] = value, ["other"] = "x" };
            jobs[key] = (await server.CreateGoodJobAsync("", $", \"metadata\": {metadata.ToJsonString()}")).Text("id");
        }
        foreach ((string key, string value) in entries)
            Assert.Equal([jobs[key]], await FindAsync(server, (key, value)));
        Assert.Equal([jobs["team"]], await FindAsync(server, ("team", "red"), ("other", "x")));
        Assert.Empty(await FindAsync(server, ("team", "red"), ("other", "y")));
        Assert.Empty(await FindAsync(server, ("team", "re")));
        Assert.Empty(await FindAsync(server, ("eam", "red")));
        // As text, the entry stands where the value ":" ends and "other" begins.
        Assert.Empty(await FindAsync(server, (":", ",")));
        Assert.Contains("\"a\":\":\",\"", JsonSerializer.Serialize(new Dictionary<string, string> { ["a"] = ":", ["other"] = "x" }));
    }

    private static async Task<string[]> FindAsync(ApiServer server, params (string Key, string Value)[] entries) => (await server.GetAsync(
        $"/v1/fine_tuning/jobs?{string.Join('&', entries.Select(e => $"metadata[{Uri.EscapeDataString(e.Key)}]={Uri.EscapeDataString(e.Value)}"))}")).Ids();
}
