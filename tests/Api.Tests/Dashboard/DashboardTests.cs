using System.Net;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Dashboard;

public sealed class DashboardTests(PostgresServer postgres)
{
    private const string Path = "/hangfire";

    [Fact]
    public async Task Dashboard_OpensToAnAdministratorsKeyAlone()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        using HttpClient stranger = server.CreateClient(null), unknown = server.CreateClient("sk-unknown"),
            user = await server.CreateClientAsync(KeyRole.User, "ada"), admin = await server.CreateClientAsync(KeyRole.Admin, "root");
        foreach (string path in new[] { Path, Path + "/jobs/enqueued", Path + "/stats" })
        {
            // Local requests too: these all are.
            using HttpResponseMessage sent = await stranger.GetAsync(path), refused = await unknown.GetAsync(path), forbidden = await user.GetAsync(path);
            Assert.Equal(HttpStatusCode.Redirect, sent.StatusCode);
            Assert.Contains("/hangfire/login", sent.Headers.Location!.ToString());
            await refused.ErrorAsync(HttpStatusCode.Unauthorized);
            await forbidden.ErrorAsync(HttpStatusCode.Forbidden);
        }
        using HttpResponseMessage page = await admin.GetAsync(Path);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains("Hangfire", await page.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Login_TradesAKeyForACookie_ThatEndsWithTheKey()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite);
        KeyRing keys = server.Services.GetRequiredService<KeyRing>();
        (ApiKey admin, string secret) = await keys.CreateAsync(KeyRole.Admin, "root", CancellationToken.None);
        (ApiKey _, string users) = await keys.CreateAsync(KeyRole.User, "ada", CancellationToken.None);
        using HttpClient browser = server.CreateClient(null);

        foreach (string wrong in new[] { users, "sk-unknown", "" })
        {
            using HttpResponseMessage refused = await LogInAsync(browser, wrong);
            Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
            Assert.False(refused.Headers.Contains("Set-Cookie"));
        }
        using HttpResponseMessage login = await LogInAsync(browser, secret);
        Assert.Equal((HttpStatusCode.Redirect, Path), (login.StatusCode, login.Headers.Location!.ToString()));
        string cookie = login.Headers.GetValues("Set-Cookie").Single();
        Assert.DoesNotContain(secret, cookie);
        foreach (string part in new[] { "path=/hangfire", "samesite=strict", "httponly" }) Assert.Contains(part, cookie);

        Assert.Equal(HttpStatusCode.OK, await AskAsync(browser, Path, cookie));
        // It opens the dashboard and nothing else, wherever a client sends it.
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(browser, "/v1/files", cookie));
        await keys.RevokeAsync(admin.Id, CancellationToken.None);
        Assert.Equal(HttpStatusCode.Redirect, await AskAsync(browser, Path, cookie));
    }

    [Fact]
    public async Task WithoutKeys_ItStandsOpenToThisMachineOnly()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        using HttpClient local = server.CreateClient(null);
        using HttpResponseMessage page = await local.GetAsync(Path);
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        using HttpResponseMessage rebound = await local.SendAsync(new(HttpMethod.Get, Path) { Headers = { Host = "evil.example" } });
        await rebound.ErrorAsync(HttpStatusCode.Unauthorized);
    }

    private static Task<HttpResponseMessage> LogInAsync(HttpClient browser, string key) =>
        browser.PostAsync(Path + "/login", new FormUrlEncodedContent(new Dictionary<string, string> { ["key"] = key }));

    private static async Task<HttpStatusCode> AskAsync(HttpClient browser, string path, string cookie)
    {
        using HttpResponseMessage response = await browser.SendAsync(new(HttpMethod.Get, path) { Headers = { { "Cookie", cookie.Split(';')[0] } } });
        return response.StatusCode;
    }
}
