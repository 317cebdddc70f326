using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrainingService.Inference.Hosting;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Inference.Tests;

/// <summary>Chat and completions on a port of their own over an empty database, as a worker maps them.</summary>
public sealed class InferenceServer : IAsyncLifetime
{
    public const string DemoModel = "demo-model";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("inference-");
    private readonly Dictionary<string, string?> _configuration = [];
    private WebApplication _app = null!;

    public HttpClient Client { get; private set; } = null!;

    public Uri Address => Client.BaseAddress!;

    public IServiceProvider Services => _app.Services;

    public string ModelsFolder => Path.Combine(_folder.FullName, "models");

    /// <summary>Starts a server with the given settings beside the usual ones.</summary>
    public static async Task<InferenceServer> StartAsync(params (string Key, string Value)[] settings)
    {
        var server = new InferenceServer();
        foreach ((string key, string value) in settings) server._configuration[key] = value;
        await server.InitializeAsync();
        return server;
    }

    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Configuration.AddInMemoryCollection(TestStorage.SettingsIn(_folder.FullName));
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Api:AllowAnonymous"] = "true",
        });
        builder.Configuration.AddInMemoryCollection(_configuration);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddRouting();
        builder.AddStorage();
        builder.AddInference();
        _app = builder.Build();
        _app.MapInference();
        await _app.StartAsync();
        Client = new HttpClient { BaseAddress = new Uri(_app.Urls.Single()), Timeout = TimeSpan.FromMinutes(5) };
    }

    public Task<HttpResponseMessage> PostAsync(string path, string json, CancellationToken cancellationToken = default) =>
        Client.PostJsonAsync(path, json, cancellationToken);

    /// <summary>A chat of one question with the sample model.</summary>
    /// <param name="question">What the user says.</param>
    /// <param name="more">More fields of the request, each with a comma before it.</param>
    public async Task<JsonObject> ChatAsync(string question, string more = ", \"temperature\": 0")
    {
        using HttpResponseMessage response = await PostAsync("/v1/chat/completions", Chat(question, more));
        return await response.JsonAsync();
    }

    public async Task<JsonObject> CompleteAsync(string prompt, string more = "")
    {
        using HttpResponseMessage response = await PostAsync("/v1/completions", $$"""{"model": "demo-model", "prompt": {{prompt}}{{more}} }""");
        return await response.JsonAsync();
    }

    /// <summary>The events of a streamed answer, [DONE] checked and left out.</summary>
    public async Task<List<JsonObject>> StreamAsync(string path, string json)
    {
        using HttpResponseMessage response = await PostAsync(path, json);
        string body = await response.Content.ReadAsStringAsync();
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        string[] events = body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(events, e => Assert.StartsWith("data: ", e));
        Assert.Equal("data: [DONE]", events[^1]);
        return [.. events[..^1].Select(e => JsonNode.Parse(e["data: ".Length..])!.AsObject())];
    }

    public static string Chat(string question, string more) =>
        $$"""{"model": "demo-model", "messages": [{"role": "user", "content": {{JsonSerializer.Serialize(question)}} }]{{more}} }""";

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _folder.Delete(recursive: true);
    }
}
