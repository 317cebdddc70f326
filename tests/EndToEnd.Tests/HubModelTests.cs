using System.Net.Http.Json;
using System.Text.Json;
using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

/// <summary>A model's whole way: asked for by HTTP, fetched over a killed process, trained on.</summary>
public sealed class HubModelTests
{
    private const string Weights = "model.safetensors";

    [Fact]
    public async Task ModelFromTheHub_SurvivesKill9_AndTrains()
    {
        string data = Directory.CreateTempSubdirectory("hub-").FullName, models = Directory.CreateDirectory(Path.Combine(data, "models")).FullName;
        await using FakeHub hub = await FakeHub.StartAsync();
        FakeHub.Repository tiny = hub.AddFolder("acme/tiny", RepositoryRoot.PathOf("samples", "demo-model"));
        Dictionary<string, string> settings = new()
        {
            ["HF_ENDPOINT"] = hub.Endpoint.AbsoluteUri,
            ["Hub__PartBytes"] = "40000",
            ["Hub__Connections"] = "1",
            ["Worker__LeaseDuration"] = "00:00:02",
            ["Worker__FlushInterval"] = "00:00:00.050",
            ["Worker__SweepInterval"] = "00:00:00.500",
        };
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        hub.BeforeStore = async context =>
        {
            if (hub.RequestsOf(Weights).Length < 4) return;
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { });
        };

        await using (HostProcess killed = await HostProcess.StartAsync("Standalone", settings, "--data", data, "--models", models, "--port", "0"))
        {
            using var http = new HttpClient { BaseAddress = killed.Address };
            using HttpResponseMessage created = await http.PostAsJsonAsync("/v1/models", new { model = "acme/tiny" });
            Assert.Equal("downloading", (await created.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetString());
            await reached.Task.WaitAsync(TimeSpan.FromSeconds(60));
            var client = new ApiClient(http);
            // The journal of the parts is written each second: by now the first ones stand in it, or the next look comes later.
            string journal = Path.Combine(models, ".incoming", "acme--tiny", tiny.Commit, Weights + ".part.json");
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            while (!File.Exists(journal)) await Task.Delay(20, patience.Token);
            Assert.Equal("downloading", (await client.GetAsync("/v1/models/acme%2Ftiny")).GetProperty("status").GetString());
            await killed.KillAsync();
        }

        hub.BeforeStore = _ => Task.CompletedTask;
        hub.Forget();
        await using HostProcess service = await HostProcess.StartAsync("Standalone", settings, "--data", data, "--models", models, "--port", "0");
        using var next = new HttpClient { BaseAddress = service.Address };
        var api = new ApiClient(next);
        string events = await next.GetStringAsync("/v1/models/acme/tiny/events").WaitAsync(TimeSpan.FromSeconds(60));
        JsonElement model = JsonDocument.Parse(events[(events.LastIndexOf("data: ", StringComparison.Ordinal) + "data: ".Length)..]).RootElement;
        Assert.Equal(("ready", tiny.Commit, true), (model.GetProperty("status").GetString(), model.GetProperty("revision").GetString(), model.GetProperty("trainable").GetBoolean()));
        foreach ((string name, byte[] content) in tiny.Files) Assert.Equal(content, File.ReadAllBytes(Path.Combine(models, "acme", "tiny", name)));
        Assert.Empty(hub.RequestsOf("tokenizer.json"));
        Assert.DoesNotContain(hub.RequestsOf(Weights), r => r.Range!.StartsWith("bytes=0-", StringComparison.Ordinal));

        string file = await api.UploadAsync("train.jsonl", string.Join('\n', File.ReadLines(RepositoryRoot.PathOf("samples", "concise-train.jsonl")).Take(20)));
        string job = await api.CreateJobAsync("acme/tiny", file, new() { ["max_steps"] = 2, ["dtype"] = "float32" });
        string tuned = (await api.SucceededAsync(job)).GetProperty("fine_tuned_model").GetString()!;
        Assert.Equal("acme/tiny", (await api.GetAsync($"/v1/models/{Uri.EscapeDataString(tuned)}")).GetProperty("base_model").GetString());
        await service.DisposeAsync();
        Directory.Delete(data, recursive: true);
    }
}
