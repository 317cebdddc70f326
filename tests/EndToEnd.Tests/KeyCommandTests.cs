using System.Net;
using System.Net.Http.Headers;
using System.Text.RegularExpressions;
using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

/// <summary>Keys from the command line, and what a network gets to see of the service without one.</summary>
public partial class KeyCommandTests(PostgresServer postgres)
{
    [Fact]
    public async Task Standalone_ListensOnANetworkOnlyWithAKey_AndThenAsksForIt()
    {
        string data = Directory.CreateTempSubdirectory("keys-").FullName;
        string[] network = ["--data", data, "--port", "0", "--listen", "0.0.0.0"];

        (int refused, string why) = await HostProcess.RunAsync("Standalone", network);
        Assert.Equal(2, refused);
        Assert.Contains("keys create", why, StringComparison.Ordinal);

        (int created, string printed) = await HostProcess.RunAsync("Standalone", "keys", "create", "--role", "admin", "--owner", "root", "--data", data);
        Assert.Equal(0, created);
        string secret = Secret().Match(printed).Value, id = Id().Match(printed).Value;
        await using (HostProcess service = await HostProcess.StartAsync("Standalone", [], network))
        {
            // From this machine too: behind a proxy everybody comes from here.
            var address = new Uri($"http://127.0.0.1:{service.Address.Port}");
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(address, null));
            Assert.Equal(HttpStatusCode.OK, await AskAsync(address, secret));
            (int revoked, _) = await HostProcess.RunAsync("Standalone", "keys", "revoke", id, "--data", data);
            Assert.Equal(0, revoked);
            Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(address, secret));
        }
        (int listed, string list) = await HostProcess.RunAsync("Standalone", "keys", "list", "--data", data);
        Assert.Equal(0, listed);
        Assert.Matches($@"{id}\s.*admin\s+root\s.*revoked", list);
        Assert.DoesNotContain(secret, list, StringComparison.Ordinal);
        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task Api_IsClosedUntilItsCommandMakesAKey()
    {
        Dictionary<string, string> settings = new()
        {
            ["Storage__Provider"] = "Postgres",
            ["Storage__ConnectionString"] = await postgres.CreateDatabaseAsync(),
            ["Storage__FilesFolder"] = Directory.CreateTempSubdirectory("keys-").FullName,
        };
        await using HostProcess api = await HostProcess.StartAsync("Api", settings);
        Assert.Contains("There is no key yet", api.Output, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(api.Address, null));
        (int created, string printed) = await HostProcess.RunAsync("Api", settings, "keys", "create", "--owner", "ada", "--role", "user");
        Assert.Equal(0, created);
        Assert.Equal(HttpStatusCode.OK, await AskAsync(api.Address, Secret().Match(printed).Value));
        Directory.Delete(settings["Storage__FilesFolder"], recursive: true);
    }

    [Theory]
    [InlineData("keys create --role root --owner ada", "--role is root")]
    [InlineData("keys create --role user --owner a/b", "--owner is a/b")]
    [InlineData("keys create", "keys create --role ROLE")]
    [InlineData("keys revoke key_none", "There is no key key_none")]
    [InlineData("--listen everywhere", "--listen is everywhere")]
    [InlineData("--demo --listen 0.0.0.0", "--demo runs on the loopback address")]
    public async Task WrongCommand_IsNamed(string arguments, string message)
    {
        string data = Directory.CreateTempSubdirectory("keys-").FullName;
        (int exitCode, string printed) = await HostProcess.RunAsync("Standalone", [.. arguments.Split(' '), "--data", data]);
        Assert.Equal(2, exitCode);
        Assert.Contains(message, printed, StringComparison.Ordinal);
        Directory.Delete(data, recursive: true);
    }

    private static async Task<HttpStatusCode> AskAsync(Uri address, string? key)
    {
        using var http = new HttpClient { BaseAddress = address };
        if (key is not null) http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        using HttpResponseMessage response = await http.GetAsync("/v1/models");
        return response.StatusCode;
    }

    [GeneratedRegex("sk-[A-Za-z0-9_-]{43}")]
    private static partial Regex Secret();

    [GeneratedRegex("key_[0-9a-f]{32}")]
    private static partial Regex Id();
}
