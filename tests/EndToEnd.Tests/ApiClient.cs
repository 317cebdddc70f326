using System.IO.Compression;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.EndToEnd.Tests;

/// <summary>The calls of the main job over HTTP.</summary>
internal sealed class ApiClient(HttpClient http)
{
    public async Task<string> UploadAsync(string name, string rows) => (await UploadAsync(name, Encoding.UTF8.GetBytes(rows))).GetProperty("id").GetString()!;

    public async Task<JsonElement> UploadAsync(string name, byte[] content)
    {
        using HttpResponseMessage response = await PostFileAsync(name, content);
        return await ReadAsync(response);
    }

    /// <summary>Uploads what may be refused.</summary>
    public async Task<HttpResponseMessage> PostFileAsync(string name, byte[] content)
    {
        using var form = new MultipartFormDataContent
        {
            { new StringContent("fine-tune"), "purpose" },
            { new ByteArrayContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } }, "file", name },
        };
        return await http.PostAsync("/v1/files", form);
    }

    public async Task<string> CreateJobAsync(string model, string trainingFile, JsonObject hyperparameters, string? validationFile = null, JsonObject? lora = null, string method = "dpo") =>
        (await PostAsync("/v1/fine_tuning/jobs", Job(model, trainingFile, hyperparameters, validationFile, lora, method))).GetProperty("id").GetString()!;

    /// <summary>What the service expects such a job to take at its highest.</summary>
    public async Task<long> EstimateMemoryAsync(string model, string trainingFile, JsonObject hyperparameters, JsonObject? lora = null, string method = "dpo") =>
        (await PostAsync("/v1/fine_tuning/jobs/validate", Job(model, trainingFile, hyperparameters, null, lora, method))).GetProperty("estimate").GetProperty("memory_bytes").GetInt64();

    public async Task<JsonElement> PostAsync(string path) => await ReadAsync(await http.PostAsync(path, null));

    public async Task<JsonElement> GetAsync(string path) => await ReadAsync(await http.GetAsync(path));

    private async Task<JsonElement> PostAsync(string path, JsonObject body) => await ReadAsync(await http.PostAsJsonAsync(path, body));

    private static JsonObject Job(string model, string trainingFile, JsonObject hyperparameters, string? validationFile, JsonObject? lora, string method) => new()
    {
        ["model"] = model,
        ["training_file"] = trainingFile,
        ["validation_file"] = validationFile,
        ["method"] = new JsonObject { ["type"] = method, [method] = new JsonObject { ["hyperparameters"] = hyperparameters.DeepClone(), ["lora"] = lora?.DeepClone() } },
    };

    public Task<JsonElement> JobAsync(string id) => GetAsync($"/v1/fine_tuning/jobs/{id}");

    /// <summary>Polls the job until a condition holds; a job that ends otherwise fails the test with its error and events.</summary>
    public async Task<JsonElement> WaitAsync(string id, Func<JsonElement, bool> until, TimeSpan? patience = null)
    {
        using var timeout = new CancellationTokenSource(patience ?? TimeSpan.FromMinutes(10));
        while (true)
        {
            JsonElement job = await JobAsync(id);
            if (until(job)) return job;
            if (job.GetProperty("status").GetString() is "failed" or "cancelled" or "succeeded" || timeout.IsCancellationRequested)
                Assert.Fail($"{job.GetRawText()}\n{(await GetAsync($"/v1/fine_tuning/jobs/{id}/events?limit=100")).GetRawText()}");
            await Task.Delay(100);
        }
    }

    public Task<JsonElement> SucceededAsync(string id) => WaitAsync(id, j => j.GetProperty("status").GetString() == "succeeded");

    /// <summary>All metrics of a split, in order of steps.</summary>
    public async Task<IReadOnlyList<JsonElement>> MetricsAsync(string id, string split) =>
        [.. (await GetAsync($"/v1/fine_tuning/jobs/{id}/metrics?split={split}&limit=1000")).GetProperty("data").EnumerateArray()];

    /// <summary>Downloads an adapter and unpacks it into a folder.</summary>
    public async Task DownloadAdapterAsync(string id, string folder)
    {
        await using Stream zip = await http.GetStreamAsync($"/v1/fine_tuning/jobs/{id}/adapter");
        var whole = new MemoryStream();
        await zip.CopyToAsync(whole);
        await ZipFile.ExtractToDirectoryAsync(whole, folder);
    }

    private static async Task<JsonElement> ReadAsync(HttpResponseMessage response)
    {
        using (response)
        {
            JsonElement body = await response.Content.ReadFromJsonAsync<JsonElement>();
            Assert.True(response.IsSuccessStatusCode, $"{response.RequestMessage!.RequestUri}: {(int)response.StatusCode} {body.GetRawText()}");
            return body;
        }
    }
}
