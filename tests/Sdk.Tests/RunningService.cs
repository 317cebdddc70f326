using System.ClientModel;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using OpenAI;
using OpenAI.FineTuning;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests;

/// <summary>The whole service as one process with the sample model, shared by the suites as clients share it.</summary>
public sealed class RunningService : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("sdk-").FullName;
    private HostProcess _process = null!;
    private FakeHub _hub = null!;

    /// <summary>Where it listens.</summary>
    public Uri Address => _process.Address;

    /// <summary>What an SDK takes as its base URL.</summary>
    public Uri BaseUrl => new(Address, "/v1");

    /// <summary>All it has logged so far.</summary>
    public string Output => _process.Output;

    public OpenAIClient OpenAI(Uri? baseUrl = null) => new(new ApiKeyCredential("any key"), new OpenAIClientOptions { Endpoint = baseUrl ?? BaseUrl });

    public FineTuningClient FineTuning() => new(new ApiKeyCredential("any key"), new FineTuningClientOptions { Endpoint = BaseUrl });

    /// <summary>The secret of a new key: without one everybody here is the administrator.</summary>
    public async Task<string> CreateKeyAsync(string role, string owner)
    {
        using HttpClient http = Http();
        using HttpResponseMessage created = await http.PostAsJsonAsync("/v1/admin/keys", new { role, owner });
        return (await created.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonObject>())!["key"]!.GetValue<string>();
    }

    public HttpClient Http() => new() { BaseAddress = Address };

    public async ValueTask InitializeAsync()
    {
        // A Hub without models: what the suites send at random reaches nobody outside.
        _hub = await FakeHub.StartAsync();
        _process = await HostProcess.StartAsync("Standalone", [new("HF_ENDPOINT", _hub.Endpoint.AbsoluteUri)], "--data", _data, "--port", "0");
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        await _hub.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }
}
