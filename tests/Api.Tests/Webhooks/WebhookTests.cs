using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using StandardWebhooks;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Webhooks;

public sealed class WebhookTests(PostgresServer postgres)
{
    private static readonly (string, string)[] s_local = [("Webhooks:AllowPrivateAddresses", "true"), ("Webhooks:AllowHttp", "true"), ("Webhooks:PollInterval", "00:00:00.020")];

    [Theory]
    [InlineData(StorageProvider.Sqlite)]
    [InlineData(StorageProvider.Postgres)]
    public async Task EndOfAJob_IsToldSignedAndOnce(StorageProvider provider)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, provider, s_local);
        await using Receiver receiver = await Receiver.StartAsync();
        JsonObject webhook = await CreateAsync(server, receiver.Url);
        Assert.Matches("^whsec_[A-Za-z0-9+/]{43}=$", webhook.Text("secret"));
        Assert.False((await server.GetAsync($"/v1/webhooks/{webhook.Text("id")}")).ContainsKey("secret"));

        string cancelled = (await server.CreateGoodJobAsync()).Text("id"), failed = (await server.CreateGoodJobAsync()).Text("id"), succeeded = (await server.CreateGoodJobAsync()).Text("id");
        using (HttpResponseMessage cancel = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{cancelled}/cancel", null)) await cancel.JsonAsync();
        await server.ChangeAsync(failed, job => job.Fail("out_of_memory", "No room.", null, DateTime.UnixEpoch));
        await server.RunAsync(succeeded);
        await server.ChangeAsync(succeeded, job => job.Succeed("ft:demo-model:local::x", "adapters/x", [], DateTime.UnixEpoch));
        await server.ChangeAsync(succeeded, _ => { });

        Receiver.Received[] all = await receiver.WaitAsync(3);
        foreach ((string id, string type) in new[] { (cancelled, "cancelled"), (failed, "failed"), (succeeded, "succeeded") })
        {
            Receiver.Received message = Assert.Single(all, m => m.Body.Contains(id, StringComparison.Ordinal));
            JsonNode body = JsonNode.Parse(message.Body)!;
            Assert.Equal(["id", "object", "created_at", "type", "data"], body.AsObject().Select(p => p.Key));
            Assert.Equal(("event", $"fine_tuning.job.{type}", id), (body.Text("object"), body.Text("type"), body["data"]!.Text("id")));
            Assert.Equal(body.Text("id"), message.Headers["webhook-id"]);
            Verify(webhook.Text("secret"), message);
            Assert.ThrowsAny<Exception>(() => Verify(webhook.Text("secret"), message with { Body = message.Body + " " }));
        }
        await EventuallyAsync(async () => (await DeliveriesAsync(server, webhook)).All(d => d["delivered_at"] is not null));
        JsonNode[] log = await DeliveriesAsync(server, webhook);
        Assert.Equal(3, log.Length);
        Assert.All(log, delivery => Assert.Equal((1, 200), (delivery["attempts"]!.GetValue<int>(), delivery["last_status"]!.GetValue<int>())));
        Assert.Equal(3, receiver.All.Length);
    }

    [Fact]
    public async Task OnlySubscribedEventsOfItsOwner_AreTold()
    {
        await using ApiServer server = await ApiServer.StartKeyedAsync(postgres, StorageProvider.Sqlite, s_local);
        await using Receiver receiver = await Receiver.StartAsync();
        using HttpClient ada = await server.CreateClientAsync(KeyRole.User, "ada"), bob = await server.CreateClientAsync(KeyRole.User, "bob");
        async Task<JsonObject> PostAsync(HttpClient client, string path, string json)
        {
            using HttpResponseMessage response = await client.PostAsync(path, new StringContent(json, Encoding.UTF8, "application/json"));
            return await response.JsonAsync();
        }
        JsonObject failures = await PostAsync(ada, "/v1/webhooks", $$"""{"url": "{{receiver.Url}}", "events": ["fine_tuning.job.failed"]}""");
        JsonObject others = await PostAsync(bob, "/v1/webhooks", $$"""{"url": "{{receiver.Url}}"}""");
        JsonObject cancels = await PostAsync(ada, "/v1/webhooks", $$"""{"url": "{{receiver.Url}}"}""");
        using (HttpResponseMessage hidden = await ada.GetAsync($"/v1/webhooks/{others.Text("id")}"))
            await hidden.ErrorAsync(HttpStatusCode.NotFound);

        using var form = new MultipartFormDataContent { { new StringContent("fine-tune"), "purpose" }, { new StringContent(ApiServer.GoodRow), "file", "rows.jsonl" } };
        using HttpResponseMessage upload = await ada.PostAsync("/v1/files", form);
        string file = (await upload.JsonAsync()).Text("id");
        JsonObject job = await PostAsync(ada, "/v1/fine_tuning/jobs", $$$"""{"model": "demo-model", "training_file": "{{{file}}}", "method": {"type": "dpo"} }""");
        await PostAsync(ada, $"/v1/fine_tuning/jobs/{job.Text("id")}/cancel", "{}");
        await receiver.WaitAsync(1);
        await using TrainingDbContext db = server.CreateContext();
        Assert.Equal([cancels.Text("id")], await db.WebhookDeliveries.Select(d => d.EndpointId).ToListAsync());
        Assert.NotEqual(failures.Text("id"), cancels.Text("id"));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(302)]
    public async Task AnswerOtherThan2xx_IsTriedAgainUnderTheSameIdAndNotFollowed(int status)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, s_local);
        await using Receiver receiver = await Receiver.StartAsync();
        receiver.Answer = http =>
        {
            http.Response.StatusCode = status;
            http.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        JsonObject webhook = await CreateAsync(server, receiver.Url);
        await TestAsync(server, webhook);
        await EventuallyAsync(async () => (await DeliveriesAsync(server, webhook))[0]["attempts"]!.GetValue<int>() == 1);
        JsonNode first = (await DeliveriesAsync(server, webhook))[0];
        Assert.Equal(status, first["last_status"]!.GetValue<int>());
        Assert.Contains($"answered {status}", first.Text("last_error"));
        long delay = first["next_attempt_at"]!.GetValue<long>() - first["created_at"]!.GetValue<long>();
        Assert.InRange(delay, 5, 60);

        receiver.Answer = _ => Task.CompletedTask;
        await MakeDueAsync(server);
        Receiver.Received[] all = await receiver.WaitAsync(2);
        Assert.Equal(all[0].Headers["webhook-id"], all[1].Headers["webhook-id"]);
        Assert.All(all, message => Assert.Equal("/hook", message.Path));
        await EventuallyAsync(async () => (await DeliveriesAsync(server, webhook))[0]["delivered_at"] is not null);
    }

    [Fact]
    public async Task DelaysGrow_AndEndInGivingUp()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, s_local);
        await using Receiver receiver = await Receiver.StartAsync();
        receiver.Answer = http => { http.Response.StatusCode = 503; return Task.CompletedTask; };
        JsonObject webhook = await CreateAsync(server, receiver.Url);
        await TestAsync(server, webhook);
        TimeSpan last = TimeSpan.Zero;
        for (int attempt = 1; attempt <= 10; attempt++)
        {
            int made = attempt;
            await EventuallyAsync(async () => (await DeliveriesAsync(server, webhook))[0]["attempts"]!.GetValue<int>() == made);
            await using TrainingDbContext db = server.CreateContext();
            DateTime? next = await db.WebhookDeliveries.Select(d => d.NextAttemptAt).SingleAsync();
            Assert.Equal(attempt == 10, next is null);
            if (next is null) break;
            TimeSpan delay = next.Value - TimeProvider.System.GetUtcNow().UtcDateTime;
            Assert.True(delay > last - TimeSpan.FromMinutes(1), $"Attempt {attempt}: {delay} after {last}.");
            last = delay;
            await MakeDueAsync(server);
        }
    }

    [Fact]
    public async Task MessagesOfAServerThatStopped_AreSentByTheNextAndByOneOfSeveral()
    {
        await using Receiver receiver = await Receiver.StartAsync();
        await using ApiServer stopped = await ApiServer.StartAsync(postgres, StorageProvider.Postgres, [.. s_local, ("Webhooks:PollInterval", "00:10:00")]);
        JsonObject webhook = await CreateAsync(stopped, receiver.Url);
        for (int i = 0; i < 20; i++) await TestAsync(stopped, webhook);

        string connection = stopped.CreateContext().Database.GetConnectionString()!;
        await using ApiServer one = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, [.. s_local, ("Storage:Provider", "Postgres"), ("Storage:ConnectionString", connection)]);
        await using ApiServer two = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, [.. s_local, ("Storage:Provider", "Postgres"), ("Storage:ConnectionString", connection)]);
        await receiver.WaitAsync(20);
        await EventuallyAsync(async () =>
        {
            await using TrainingDbContext db = one.CreateContext();
            return await db.WebhookDeliveries.AllAsync(d => d.DeliveredAt != null);
        });
        Assert.Equal(20, receiver.All.Length);
        Assert.Equal(20, receiver.All.Select(m => m.Headers["webhook-id"]).Distinct().Count());
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("127.0.0.1")]
    [InlineData("[::1]")]
    [InlineData("[::ffff:127.0.0.1]")]
    public async Task PrivateAddress_IsRefusedWhenConnecting(string host)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, ("Webhooks:AllowHttp", "true"), ("Webhooks:PollInterval", "00:00:00.020"));
        await using Receiver receiver = await Receiver.StartAsync(alsoIPv6: true);
        JsonObject webhook = await CreateAsync(server, $"http://localhost:{receiver.Port}/hook");
        // Addresses are refused when the webhook is created; here stand those that a name might mean later.
        await using (TrainingDbContext db = server.CreateContext())
            await db.WebhookEndpoints.ExecuteUpdateAsync(set => set.SetProperty(e => e.Url, $"http://{host}:{receiver.Port}/hook"));
        await TestAsync(server, webhook);
        await EventuallyAsync(async () => (await DeliveriesAsync(server, webhook))[0]["attempts"]!.GetValue<int>() >= 1);
        Assert.Contains("is no address of the public internet", (await DeliveriesAsync(server, webhook))[0].Text("last_error"));
        Assert.Empty(receiver.All);
    }

    [Theory]
    [InlineData("http://example.com/hook", "must begin with https://")]
    [InlineData("ftp://example.com/hook", "must begin with https://")]
    [InlineData("not a url", "must begin with https://")]
    [InlineData("https://user:word@example.com/", "name or password")]
    [InlineData("https://127.0.0.1/", "no address of the public internet")]
    [InlineData("https://2130706433/", "no address of the public internet")]
    [InlineData("https://[::1]/", "no address of the public internet")]
    [InlineData("https://[::ffff:10.0.0.1]/", "no address of the public internet")]
    [InlineData("https://169.254.169.254/latest/meta-data", "no address of the public internet")]
    public async Task UnsafeUrl_IsRefused(string url, string message)
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite);
        using HttpResponseMessage response = await PostAsync(server, "/v1/webhooks", $$"""{"url": "{{url}}"}""");
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal("url", error.Param());
        Assert.Contains(message, error.Message());
    }

    [Fact]
    public async Task Webhook_IsChangedRotatedListedAndDeleted()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, [.. s_local, ("Webhooks:MaxEndpoints", "2")]);
        await using Receiver receiver = await Receiver.StartAsync();
        JsonObject first = await CreateAsync(server, receiver.Url), second = await CreateAsync(server, receiver.Url);
        using (HttpResponseMessage third = await PostAsync(server, "/v1/webhooks", $$"""{"url": "{{receiver.Url}}"}"""))
            Assert.Contains("2 webhooks already", (await third.ErrorAsync(HttpStatusCode.Conflict)).Message());
        string path = $"/v1/webhooks/{first.Text("id")}";
        Assert.Equal([second.Text("id"), first.Text("id")], (await server.GetAsync("/v1/webhooks")).Ids());
        Assert.Equal([first.Text("id")], (await server.GetAsync($"/v1/webhooks?after={second.Text("id")}")).Ids());

        using (HttpResponseMessage bad = await PostAsync(server, path, """{"events": ["fine_tuning.job.sucseeded"]}"""))
            Assert.Contains("Did you mean 'fine_tuning.job.succeeded'?", (await bad.ErrorAsync(HttpStatusCode.BadRequest)).Message());
        using (HttpResponseMessage change = await PostAsync(server, path, """{"enabled": false, "events": ["fine_tuning.job.failed"]}"""))
        {
            JsonObject changed = await change.JsonAsync();
            Assert.False(changed["enabled"]!.GetValue<bool>());
            Assert.Equal("fine_tuning.job.failed", Assert.Single(changed["events"]!.AsArray())!.GetValue<string>());
        }
        using (HttpResponseMessage test = await server.Client.PostAsync($"{path}/test", null))
            await test.ErrorAsync(HttpStatusCode.Conflict);
        using (HttpResponseMessage enable = await PostAsync(server, path, """{"enabled": true}""")) await enable.JsonAsync();
        using HttpResponseMessage rotate = await server.Client.PostAsync($"{path}/rotate", null);
        string secret = (await rotate.JsonAsync()).Text("secret");
        Assert.NotEqual(first.Text("secret"), secret);
        await TestAsync(server, first);
        Receiver.Received message = Assert.Single(await receiver.WaitAsync(1));
        Verify(secret, message);
        Assert.Equal("webhook.test", JsonNode.Parse(message.Body)!.Text("type"));

        using HttpResponseMessage delete = await server.Client.DeleteAsync(path);
        Assert.True((await delete.JsonAsync())["deleted"]!.GetValue<bool>());
        using HttpResponseMessage gone = await server.Client.GetAsync($"{path}/deliveries");
        await gone.ErrorAsync(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task ReceiverThatIsGone_IsToldNoMore()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, s_local);
        await using Receiver receiver = await Receiver.StartAsync();
        receiver.Answer = http => { http.Response.StatusCode = 410; return Task.CompletedTask; };
        JsonObject webhook = await CreateAsync(server, receiver.Url);
        await TestAsync(server, webhook);
        await EventuallyAsync(async () => !(await server.GetAsync($"/v1/webhooks/{webhook.Text("id")}"))["enabled"]!.GetValue<bool>());
        Assert.Null((await DeliveriesAsync(server, webhook))[0]["next_attempt_at"]);
    }

    [Fact]
    public async Task SilentReceivers_HoldUpNobodyElse()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, s_local);
        await using Receiver silent = await Receiver.StartAsync(), awake = await Receiver.StartAsync();
        silent.Answer = http => Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { });
        JsonObject slow = await CreateAsync(server, silent.Url), quick = await CreateAsync(server, awake.Url);
        for (int i = 0; i < 100; i++)
        {
            using HttpResponseMessage test = await server.Client.PostAsync($"/v1/webhooks/{slow.Text("id")}/test", null);
            await test.JsonAsync();
        }
        await silent.WaitAsync(1);
        using (HttpResponseMessage test = await server.Client.PostAsync($"/v1/webhooks/{quick.Text("id")}/test", null)) await test.JsonAsync();
        await awake.WaitAsync(1);
        // One attempt at a time, each given up on after a quarter of a minute.
        Assert.InRange(silent.All.Length, 1, 7);
    }

    [Fact]
    public async Task SlowReceiver_IsGivenUpOnForNow()
    {
        await using ApiServer server = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, [.. s_local, ("Webhooks:Timeout", "00:00:00.200")]);
        await using Receiver receiver = await Receiver.StartAsync();
        receiver.Answer = http => Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        JsonObject webhook = await CreateAsync(server, receiver.Url);
        await TestAsync(server, webhook);
        await EventuallyAsync(async () => (await DeliveriesAsync(server, webhook))[0]["attempts"]!.GetValue<int>() >= 1);
        Assert.Contains("did not answer within 0.2 seconds", (await DeliveriesAsync(server, webhook))[0].Text("last_error"));
    }

    private static void Verify(string secret, Receiver.Received message)
    {
        var headers = new HeaderDictionary();
        foreach (string name in new[] { "webhook-id", "webhook-timestamp", "webhook-signature" }) headers[name] = message.Headers[name];
        new StandardWebhook(secret).Verify(message.Body, headers);
    }

    private static async Task<JsonObject> CreateAsync(ApiServer server, string url)
    {
        using HttpResponseMessage response = await PostAsync(server, "/v1/webhooks", $$"""{"url": "{{url}}"}""");
        return await response.JsonAsync();
    }

    private static async Task TestAsync(ApiServer server, JsonObject webhook)
    {
        using HttpResponseMessage response = await server.Client.PostAsync($"/v1/webhooks/{webhook.Text("id")}/test", null);
        Assert.Equal("webhook.delivery", (await response.JsonAsync()).Text("object"));
    }

    private static async Task<JsonNode[]> DeliveriesAsync(ApiServer server, JsonObject webhook) =>
        [.. (await server.GetAsync($"/v1/webhooks/{webhook.Text("id")}/deliveries"))["data"]!.AsArray().Select(d => d!)];

    /// <summary>Lets the time until the next attempts pass.</summary>
    private static async Task MakeDueAsync(ApiServer server)
    {
        await using TrainingDbContext db = server.CreateContext();
        DateTime past = DateTime.UnixEpoch;
        await db.WebhookDeliveries.Where(d => d.NextAttemptAt != null).ExecuteUpdateAsync(set => set.SetProperty(d => d.NextAttemptAt, past));
    }

    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        for (int i = 0; i < 1500 && !await condition(); i++) await Task.Delay(20);
        Assert.True(await condition());
    }

    private static async Task<HttpResponseMessage> PostAsync(ApiServer server, string path, string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await server.Client.PostAsync(path, content);
    }
}
