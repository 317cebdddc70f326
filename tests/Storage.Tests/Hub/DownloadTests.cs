using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Models;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Hub;

/// <summary>Models fetched from a hub that misbehaves.</summary>
public sealed class DownloadTests : IAsyncLifetime
{
    private const string Weights = "model.safetensors";
    private const int PartBytes = 40_000;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hub-");
    private readonly InstantClock _clock = new();
    private FakeHub _hub = null!;
    private FakeHub.Repository _sample = null!;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _sample = _hub.AddFolder("acme/tiny", RepositoryRoot.PathOf("samples", "demo-model"));
        _sample.Files["pytorch_model.bin"] = [1, 2, 3];
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private string PathOf(string file) => Path.Combine(_folder.FullName, file);

    private HubOptions Options(string? token = null, int connections = 1, int partBytes = PartBytes) => new()
    {
        Endpoint = _hub.Endpoint,
        Token = token,
        Connections = connections,
        PartBytes = partBytes,
        Timeout = TimeSpan.FromSeconds(10),
        MaxAttempts = 3,
    };

    private async Task<DownloadPlan> DownloadAsync(HubOptions options, long free = long.MaxValue, Action<long>? progress = null, CancellationToken cancellationToken = default)
    {
        var wrapped = Microsoft.Extensions.Options.Options.Create(options);
        using var client = new HubClient(wrapped);
        DownloadPlan plan = await new DownloadPlanner(client, new ModelFolder()).PlanAsync("acme/tiny", "main", cancellationToken);
        await new HubDownloader(client, new HubRetries(wrapped, _clock), wrapped, _ => free, _clock).DownloadAsync(plan, _folder.FullName, progress ?? (_ => { }), cancellationToken);
        return plan;
    }

    private void AssertWhole()
    {
        Assert.Equal(_sample.Files.Keys.Where(f => f != "pytorch_model.bin"), Directory.EnumerateFiles(_folder.FullName).Select(Path.GetFileName).Order(StringComparer.Ordinal)!);
        foreach (string file in Directory.EnumerateFiles(_folder.FullName))
            Assert.Equal(_sample.Files[Path.GetFileName(file)], File.ReadAllBytes(file));
    }

    private long Requested(string file) => _hub.RequestsOf(file).Sum(r => r.Range is null ? _sample.Files[file].Length : LengthOf(r.Range));

    private static long LengthOf(string range)
    {
        string[] bounds = range["bytes=".Length..].Split('-');
        return long.Parse(bounds[1]) - long.Parse(bounds[0]) + 1;
    }

    [Fact]
    public async Task NeededFiles_ArriveAsTheyAre_AndNoOthers()
    {
        List<long> progress = [];
        DownloadPlan plan = await DownloadAsync(Options(), progress: progress.Add);
        AssertWhole();
        Assert.Equal(_sample.Commit, plan.Repository.Commit);
        Assert.Equal(plan.Bytes, progress[^1]);
        Assert.Equal(progress.Order(), progress);
        Assert.All(_hub.Requests.Where(r => r.Path.Contains("/resolve/")), r => Assert.Contains(_sample.Commit, r.Path));
    }

    [Fact]
    public async Task FurtherChatTemplates_ComeInTheirFolder()
    {
        foreach (string name in new[] { "additional_chat_templates/tool_use.jinja", "additional_chat_templates/../../out.jinja", "additional_chat_templates/deep/er.jinja" })
            _sample.Files[name] = "{{ messages }}"u8.ToArray();
        await DownloadAsync(Options());
        Assert.Equal(["tool_use.jinja"], Directory.EnumerateFiles(Path.Combine(_folder.FullName, "additional_chat_templates"), "*", SearchOption.AllDirectories).Select(Path.GetFileName));
    }

    [Fact]
    public async Task LargeFiles_ComeInParts_SeveralAtOnce()
    {
        int parts = (_sample.Files[Weights].Length + PartBytes - 1) / PartBytes, running = 0, most = 0;
        Assert.True(parts > 8);
        var together = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _hub.BeforeStore = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith(Weights)) return;
            int now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            // The first answer waits until three are asked for: fewer at once would never end.
            if (now == 3) together.TrySetResult();
            await together.Task.WaitAsync(TimeSpan.FromSeconds(30));
            Interlocked.Decrement(ref running);
        };
        await DownloadAsync(Options(connections: 3));
        AssertWhole();
        Assert.Equal(parts, _hub.RequestsOf(Weights).Select(r => r.Range).Distinct().Count());
        Assert.Equal(_sample.Files[Weights].Length, Requested(Weights));
        Assert.Equal(3, most);
    }

    [Fact]
    public async Task BrokenConnection_GoesOnWhereItBroke()
    {
        _hub.StoreFaults.Enqueue(FakeHub.BreakAfter(10_000));
        await DownloadAsync(Options(partBytes: 1 << 30), progress: _ => { });
        AssertWhole();
        HubRequest[] broken = [.. _hub.Requests.Where(r => r.ToStore && r.Range is not null)];
        Assert.Equal("bytes=10000-" + (_sample.Files[Assert.Single(broken).File].Length - 1), broken[0].Range);
        Assert.InRange(Assert.Single(_clock.Pauses), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1.25));
    }

    [Fact]
    public async Task ConnectionThatBreaksOnEveryAnswer_StillArrives_AsLongAsItGetsFurther()
    {
        for (int i = 0; i < 20; i++) _hub.StoreFaults.Enqueue(FakeHub.BreakAfter(1000));
        await DownloadAsync(Options());
        AssertWhole();
    }

    [Fact]
    public async Task InterruptedDownload_FetchesOnlyWhatIsMissing()
    {
        using var stop = new CancellationTokenSource();
        long there = 0;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DownloadAsync(Options(), progress: done =>
        {
            if (done <= _sample.Files["tokenizer.json"].Length + 3 * PartBytes) return;
            there = done;
            stop.Cancel();
        }, cancellationToken: stop.Token));
        Assert.True(File.Exists(PathOf(Weights + ".part")));

        _hub.Forget();
        DownloadPlan plan = await DownloadAsync(Options());
        AssertWhole();
        Assert.Empty(_hub.RequestsOf("tokenizer.json"));
        // What was told as done is there; bytes on their way at the stop may be, too.
        Assert.InRange(Requested(Weights), 1, plan.Bytes - there);
        Assert.True(Requested(Weights) < _sample.Files[Weights].Length - 2 * PartBytes);
    }

    [Fact]
    public async Task PartsOfAnotherVersion_AreDropped()
    {
        for (int i = 0; i < 3; i++) _hub.StoreFaults.Enqueue(FakeHub.BreakAfter(i == 0 ? 5_000 : 0));
        byte[] tokenizer = _sample.Files["tokenizer.json"];
        await Assert.ThrowsAsync<HubException>(() => DownloadAsync(Options(partBytes: 1 << 30)));
        string arrived = Path.GetFileName(Directory.EnumerateFiles(_folder.FullName, "*.part").Single())[..^".part".Length];
        _sample.Files[arrived] = [.. _sample.Files[arrived], (byte)'\n'];
        _sample.Commit = new('a', 40);
        await DownloadAsync(Options());
        AssertWhole();
    }

    [Fact]
    public async Task ServerWithoutRanges_SendsFilesWhole_AndAgainWhenItBreaks()
    {
        _hub.KnowsRanges = false;
        _hub.BeforeStore = context =>
        {
            // Not the first answer, which tells that ranges are unknown.
            if (_hub.RequestsOf(Weights).Length == 2 && _hub.StoreFaults.IsEmpty && context.Request.Path.Value!.EndsWith(Weights))
                _hub.StoreFaults.Enqueue((c, content) =>
                {
                    c.Request.Headers.Range = default;
                    return FakeHub.BreakAfter(50_000)(c, content);
                });
            return Task.CompletedTask;
        };
        await DownloadAsync(Options());
        AssertWhole();
        Assert.Equal([false, true, true], _hub.RequestsOf(Weights).Select(r => r.Range is null));
    }

    [Fact]
    public async Task WrongBytes_AreFetchedOnceMore()
    {
        _hub.StoreFaults.Enqueue(FakeHub.Corrupt());
        await DownloadAsync(Options());
        AssertWhole();
    }

    [Fact]
    public async Task WrongBytesTwice_AreAnError()
    {
        _hub.StoreFaults.Enqueue(FakeHub.Corrupt());
        _hub.StoreFaults.Enqueue(FakeHub.Corrupt());
        var e = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(Options(partBytes: 1 << 30)));
        Assert.Equal(HubErrorCodes.HashMismatch, e.Code);
        Assert.Empty(Directory.EnumerateFiles(_folder.FullName, "*.part*"));
        string file = _hub.Requests.Last().File;
        Assert.Contains(file, e.Message);
        Assert.Contains(_sample.Sha256(file), e.Message);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(new byte[_sample.Files[file].Length])), e.Message);
    }

    [Theory, InlineData(429), InlineData(503)]
    public async Task BusyHub_IsAskedAgainWhenItSays(int status)
    {
        _hub.StoreFaults.Enqueue(FakeHub.Refuse(status, "17"));
        await DownloadAsync(Options());
        AssertWhole();
        Assert.Equal([TimeSpan.FromSeconds(17)], _clock.Pauses);
    }

    [Fact]
    public async Task BusyHub_IsGivenUpAfterGrowingPauses()
    {
        for (int i = 0; i < 3; i++) _hub.StoreFaults.Enqueue(FakeHub.Refuse(500));
        var e = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(Options()));
        Assert.Equal(HubErrorCodes.Unavailable, e.Code);
        Assert.Collection(_clock.Pauses,
            first => Assert.InRange(first, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1.25)),
            second => Assert.InRange(second, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2.5)));
    }

    [Fact]
    public async Task Token_GoesToTheHubAlone()
    {
        (_sample.Gated, _sample.Token) = (true, "hf_secret");
        await DownloadAsync(Options(token: "hf_secret"));
        AssertWhole();
        Assert.All(_hub.Requests, r => Assert.Equal(r.ToStore ? null : "Bearer hf_secret", r.Authorization));
        Assert.Contains(_hub.Requests, r => r.ToStore);
    }

    [Fact]
    public async Task Redirect_ToTheHubItself_KeepsTheToken()
    {
        (_sample.Gated, _sample.Token) = (true, "hf_secret");
        _hub.HubFaults.Enqueue(context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = "/api/models/acme/tiny/revision/main?blobs=true";
            return Task.CompletedTask;
        });
        await DownloadAsync(Options(token: "hf_secret"));
        AssertWhole();
    }

    [Fact]
    public async Task DiskWithTooLittleRoom_IsFoundBeforeTheFirstByte()
    {
        var e = await Assert.ThrowsAsync<HubException>(() => DownloadAsync(Options(), free: 100_000));
        Assert.Equal(HubErrorCodes.NotEnoughDisk, e.Code);
        long bytes = _sample.Files.Where(f => f.Key != "pytorch_model.bin").Sum(f => (long)f.Value.Length);
        Assert.Contains(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"needs {bytes / 1e9:0.0000} GB more"), e.Message);
        Assert.Contains("has 0.0001 GB free", e.Message);
        Assert.DoesNotContain(_hub.Requests, r => r.ToStore);
        Assert.Empty(Directory.EnumerateFiles(_folder.FullName));
    }

    [Fact]
    public async Task SilentConnection_CountsAsBroken()
    {
        _hub.StoreFaults.Enqueue(async (context, content) =>
        {
            context.Response.ContentLength = content.Length;
            await context.Response.Body.WriteAsync(content.AsMemory(0, 100));
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { });
        });
        HubOptions options = Options(partBytes: 1 << 30);
        options.Timeout = TimeSpan.FromSeconds(3);
        await DownloadAsync(options);
        AssertWhole();
        Assert.StartsWith("bytes=100-", _hub.Requests.First(r => r.ToStore && r.Range is not null).Range);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; value > seen; seen = target)
            if (Interlocked.CompareExchange(ref target, value, seen) == seen) return;
    }
}
