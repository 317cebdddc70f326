using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;

namespace TrainingService.Inference.Tests.Forwarding;

public sealed class ForwardingTests(InferenceServer worker) : IClassFixture<InferenceServer>
{
    private const string Path = "/v1/chat/completions";

    [Fact]
    public async Task Api_HandsRequestsToTheWorkerAndAnswersBack()
    {
        await using ApiHost api = await ApiHost.StartAsync(worker.Address.AbsoluteUri);

        using HttpResponseMessage chat = await api.Client.PostJsonAsync(Path, InferenceServer.Chat("Add five and one.", ", \"temperature\": 0"));
        Assert.Equal((await worker.ChatAsync("Add five and one.")).Content(), (await chat.JsonAsync()).Content());
        Assert.True(chat.Headers.Contains("x-request-id"));
        using HttpResponseMessage completion = await api.Client.PostJsonAsync("/v1/completions", """{"model": "demo-model", "prompt": "Five", "max_tokens": 0, "echo": true}""");
        Assert.Equal("Five", (await completion.JsonAsync()).Text());
        using HttpResponseMessage streamed = await api.Client.PostJsonAsync(Path, InferenceServer.Chat("Add five and one.", ", \"temperature\": 0, \"stream\": true"));
        Assert.EndsWith("data: [DONE]\n\n", await streamed.Content.ReadAsStringAsync());
        using HttpResponseMessage wrong = await api.Client.PostJsonAsync(Path, InferenceServer.Chat("Hello", ", \"temperature\": 3"));
        Assert.Equal("temperature", (await wrong.ErrorAsync(HttpStatusCode.BadRequest)).Param);
    }

    [Fact]
    public async Task WithoutWorker_TheErrorSaysSo()
    {
        await using ApiHost api = await ApiHost.StartAsync(null);
        foreach (string path in new[] { Path, "/v1/completions" })
        {
            using HttpResponseMessage response = await api.Client.PostJsonAsync(path, "{}");
            Assert.Contains("Inference:WorkerUrl", (await response.ErrorAsync(HttpStatusCode.ServiceUnavailable)).Message);
            Assert.Equal("false", response.Headers.GetValues("x-should-retry").Single());
        }
    }

    [Fact]
    public async Task WorkerThatDoesNotAnswer_MayBeTriedAgain()
    {
        await using ApiHost api = await ApiHost.StartAsync("http://127.0.0.1:1");
        using HttpResponseMessage response = await api.Client.PostJsonAsync(Path, InferenceServer.Chat("Hello", ""));
        Assert.Equal("no_worker", (await response.ErrorAsync(HttpStatusCode.ServiceUnavailable)).Code);
        Assert.False(response.Headers.Contains("x-should-retry"));
    }

    [Fact]
    public async Task InOneProcess_TheModelsAnswerThemselves_AndTheDescriptionIsTheSame()
    {
        await using ApiHost apart = await ApiHost.StartAsync(null), together = await ApiHost.StartAsync(null, withInference: true);
        (HttpClient a, HttpClient b) = (apart.Client, together.Client);

        using HttpResponseMessage chat = await b.PostJsonAsync(Path, InferenceServer.Chat("Add five and one.", ", \"temperature\": 0"));
        Assert.Equal((await worker.ChatAsync("Add five and one.")).Content(), (await chat.JsonAsync()).Content());

        string description = await b.GetStringAsync("/swagger/v1/swagger.json");
        Assert.Equal(await a.GetStringAsync("/swagger/v1/swagger.json"), description);
        foreach (string path in new[] { Path, "/v1/completions" })
        {
            JsonNode example = JsonNode.Parse(description)!["paths"]![path]!["post"]!["requestBody"]!["content"]!["application/json"]!["example"]!;
            using HttpResponseMessage tried = await b.PostJsonAsync(path, example.ToJsonString());
            await tried.JsonAsync();
        }
    }

    [Fact]
    public async Task EveryDescribedField_IsKnownToTheModels()
    {
        await using ApiHost api = await ApiHost.StartAsync(null);
        JsonNode schemas = JsonNode.Parse(await api.Client.GetStringAsync("/swagger/v1/swagger.json"))!["components"]!["schemas"]!;
        foreach ((string schema, string path, JsonObject body) in new[]
        {
            ("ChatCompletionRequest", Path, JsonNode.Parse(InferenceServer.Chat("Hello", ""))!.AsObject()),
            ("CompletionRequest", "/v1/completions", new JsonObject { ["model"] = InferenceServer.DemoModel, ["prompt"] = "Hello" }),
        })
        {
            foreach ((string name, _) in schemas[schema]!["properties"]!.AsObject()) body.TryAdd(name, null);
            Assert.True(body.Count > 10);
            using HttpResponseMessage response = await worker.PostAsync(path, body.ToJsonString());
            await response.JsonAsync();
        }
    }

    [Fact]
    public async Task AddressThatIsNone_StopsTheStart()
    {
        await Assert.ThrowsAsync<OptionsValidationException>(() => ApiHost.StartAsync("worker:8080"));
    }
}
