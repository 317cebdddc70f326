using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Keys;

public sealed class KeyEndpointsTests(PostgresServer postgres)
{
    private const string Path = "/v1/admin/keys";

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task Key_IsShownOnce_OpensUntilRevoked_AndIsStoredHashed(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, provider);
        using HttpClient admin = await server.CreateClientAsync(KeyRole.Admin, "root");

        using HttpResponseMessage answer = await admin.PostAsJsonAsync(Path, new { role = "user", owner = "ada" });
        JsonObject created = await answer.JsonAsync();
        string id = created.Text("id"), secret = created.Text("key");
        Assert.Equal(("admin.key", "user", "ada", secret[..7]), (created.Text("object"), created.Text("role"), created.Text("owner"), created.Text("prefix")));
        Assert.Matches("^sk-[A-Za-z0-9_-]{43}$", secret);
        await using (TrainingDbContext db = server.CreateContext())
        {
            ApiKey stored = await db.ApiKeys.SingleAsync(k => k.Id == id);
            Assert.Equal(KeySecret.HashOf(secret), stored.Hash);
            Assert.Null(stored.LastUsedAt);
            Assert.DoesNotContain(secret[7..], System.Text.Json.JsonSerializer.Serialize(stored));
        }

        using HttpClient ada = server.CreateClient(secret);
        using (HttpResponseMessage ok = await ada.GetAsync("/v1/files")) await ok.JsonAsync();
        using HttpResponseMessage record = await admin.GetAsync($"{Path}/{id}");
        JsonObject shown = await record.JsonAsync();
        Assert.False(shown.ContainsKey("key"));
        Assert.NotNull(shown["last_used_at"]);
        Assert.Null(shown["revoked_at"]);

        using (HttpResponseMessage gone = await admin.DeleteAsync($"{Path}/{id}"))
            Assert.True((await gone.JsonAsync())["deleted"]!.GetValue<bool>());
        using (HttpResponseMessage refused = await ada.GetAsync("/v1/files"))
            Assert.Equal("invalid_api_key", (await refused.ErrorAsync(HttpStatusCode.Unauthorized)).Text("code"));
        using HttpResponseMessage list = await admin.GetAsync($"{Path}?limit=1");
        JsonObject page = await list.JsonAsync();
        Assert.True(page["has_more"]!.GetValue<bool>());
        Assert.Equal([id], page.Ids());
        Assert.NotNull(page["data"]![0]!["revoked_at"]);
        using HttpResponseMessage rest = await admin.GetAsync($"{Path}?after={id}");
        Assert.Equal("root", (await rest.JsonAsync())["data"]![0]!.Text("owner"));
    }

    [Theory]
    [InlineData("""{"role": "root", "owner": "ada"}""", "role")]
    [InlineData("""{"owner": "ada"}""", "role")]
    [InlineData("""{"role": "user"}""", "owner")]
    [InlineData("""{"role": "user", "owner": "a b"}""", "owner")]
    [InlineData("""{"role": "user", "owner": "ada", "admin": true}""", null)]
    [InlineData("""{"role": "user", "role": "admin", "owner": "ada"}""", null)]
    [InlineData("""{"role": 1, "owner": "ada"}""", null)]
    [InlineData("""{"role": "\ud800", "owner": "ada"}""", null)]
    [InlineData("null", "role")]
    [InlineData("{", null)]
    public async Task WrongKey_IsRefused(string json, string? param)
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        using HttpClient admin = await server.CreateClientAsync(KeyRole.Admin, "root");
        using HttpResponseMessage response = await admin.PostAsync(Path, new StringContent(json, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")));
        Assert.Equal(param, (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
    }

    [Fact]
    public async Task ConfiguredKey_IsAnAdministratorsFromTheStart_AndStaysRevoked()
    {
        string secret = new('k', 32);
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite, ("Api:AdminKey", secret));
        using HttpClient admin = server.CreateClient(secret);
        using HttpResponseMessage list = await admin.GetAsync(Path);
        string id = Assert.Single((await list.JsonAsync()).Ids());
        using (HttpResponseMessage gone = await admin.DeleteAsync($"{Path}/{id}")) await gone.JsonAsync();
        await server.RestartAsync();
        using HttpClient again = server.CreateClient(secret);
        using HttpResponseMessage refused = await again.GetAsync(Path);
        await refused.ErrorAsync(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task GuessableConfiguredKey_StopsTheStart()
    {
        await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(async () =>
            await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite, ("Api:AdminKey", "swordfish")));
    }
}
