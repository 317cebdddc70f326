using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

/// <summary>Files as people have them, of every shape and container, through upload, report and a step of training.</summary>
public sealed class RealFilesTests(RealFilesTests.Service service, ITestOutputHelper output) : IClassFixture<RealFilesTests.Service>
{
    // What a model cannot learn from: nothing to prefer, nothing to imitate.
    private static readonly string[] s_refused = ["zen.conversational_prompt_only.jsonl", "zen.standard_prompt_only.jsonl", "zen.standard_stepwise_supervision.jsonl"];

    public static TheoryData<string> Files => Folder is { } folder
        ? [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(IsData).Select(f => Path.GetRelativePath(folder, f)).Order()]
        : [""];

    private static string? Folder => RepositoryRoot.SharedPath("data", "preference") is var folder && Directory.Exists(folder) ? folder : null;

    [Theory]
    [MemberData(nameof(Files))]
    public async Task File_TrainsAStepOrSaysWhyNot(string file)
    {
        if (Folder is not { } folder)
        {
            Assert.Skip("The shared preference files are not here.");
            return;
        }
        byte[] content = await File.ReadAllBytesAsync(Path.Combine(folder, file));
        if (s_refused.Contains(Path.GetFileName(file)))
        {
            using HttpResponseMessage refused = await service.Api.PostFileAsync(file, content);
            string message = await refused.Content.ReadAsStringAsync();
            output.WriteLine(message);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            return;
        }
        JsonElement uploaded = await service.Api.UploadAsync(Path.GetFileName(file), content);
        string method = MethodFor(file);
        string id = await service.Api.CreateJobAsync("demo-model", uploaded.GetProperty("id").GetString()!,
            new JsonObject { ["max_steps"] = 1, ["batch_size"] = 2, ["logging_steps"] = 1, ["max_length"] = 256, ["dtype"] = "float32", ["save_strategy"] = "no" }, method: method);
        await service.Api.SucceededAsync(id);

        JsonElement metrics = Assert.Single(await service.Api.MetricsAsync(id, "train"));
        double loss = metrics.GetProperty("values").GetProperty("loss").GetDouble();
        JsonElement events = await service.Api.GetAsync($"/v1/fine_tuning/jobs/{id}/events?limit=100");
        string report = events.GetProperty("data").EnumerateArray().Select(e => e.GetProperty("message").GetString()!).Single(m => m.StartsWith("Training file checked", StringComparison.Ordinal));
        output.WriteLine($"{file}: {method}, loss {loss:g4}. {report}");
        if (method is "dpo") Assert.Equal(Math.Log(2), loss, 1e-4);
        if (method is "kto") Assert.Equal(0.5, loss, 1e-4);
        Assert.True(double.IsFinite(loss));
    }

    private static bool IsData(string file) => Path.GetFileName(file) is var name
        && !name.StartsWith("README", StringComparison.Ordinal) && !name.StartsWith("LICENSE", StringComparison.Ordinal) && name != "expected-tokens.json";

    private static string MethodFor(string file) => Path.GetFileName(file) switch
    {
        "kto_en_demo.json" => "kto",
        var name when name.Contains("unpaired_preference", StringComparison.Ordinal) => "kto",
        var name when name.Contains("prompt_completion", StringComparison.Ordinal) || name.Contains("language_modeling", StringComparison.Ordinal) => "supervised",
        _ => "dpo",
    };

    /// <summary>One process for all files.</summary>
    public sealed class Service : IAsyncLifetime
    {
        private readonly string _data = Directory.CreateTempSubdirectory("files-").FullName;
        private HostProcess? _host;

        internal ApiClient Api { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            _host = await HostProcess.StartAsync("Standalone", [], "--data", _data, "--port", "0");
            Api = new(new HttpClient { BaseAddress = _host.Address, Timeout = TimeSpan.FromMinutes(2) });
        }

        public async ValueTask DisposeAsync()
        {
            if (_host is not null) await _host.DisposeAsync();
            Directory.Delete(_data, recursive: true);
        }
    }
}
