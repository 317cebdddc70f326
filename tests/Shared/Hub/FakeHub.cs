using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Net.Http.Headers;

namespace TrainingService.Tests;

/// <summary>A request that the hub, or its store of large files, has seen.</summary>
public sealed record HubRequest(bool ToStore, string Path, string? Range, string? Authorization)
{
    public string File => System.IO.Path.GetFileName(Path);
}

/// <summary>
/// The Hub's HTTP API as far as fetching models takes it: listings, small files from the hub itself, large ones from a store
/// on another port that it redirects to, ranges, ETags, and its ways to refuse. A test adds what goes wrong.
/// </summary>
public sealed class FakeHub : IAsyncDisposable
{
    private const string Signature = "?X-Signature=secret";

    private readonly ConcurrentDictionary<string, Repository> _repositories = [];
    private readonly ConcurrentQueue<HubRequest> _requests = [];
    private readonly WebApplication _hub, _store;

    private FakeHub() => (_hub, _store) = (Build(ServeHubAsync), Build(ServeStoreAsync));

    public sealed class Repository(string commit)
    {
        public string Commit { get; set; } = commit;

        public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

        /// <summary>Opens its files; null for everybody.</summary>
        public string? Token { get; set; }

        public bool Gated { get; set; }

        public string Sha256(string file) => Convert.ToHexStringLower(SHA256.HashData(Files[file]));
    }

    public Uri Endpoint => new(_hub.Urls.Single());

    /// <summary>All that was asked, in order.</summary>
    public IReadOnlyList<HubRequest> Requests => [.. _requests];

    /// <summary>The requests for a file that reached who has its bytes.</summary>
    public HubRequest[] RequestsOf(string file) => [.. _requests.Where(r => r.File == file && r.ToStore == IsLarge(file))];

    public void Forget() => _requests.Clear();

    /// <summary>Whether the store answers a range with that range.</summary>
    public bool KnowsRanges { get; set; } = true;

    /// <summary>Answers in place of the store, once each, in their order.</summary>
    public ConcurrentQueue<Func<HttpContext, byte[], Task>> StoreFaults { get; } = [];

    /// <summary>Runs before each answer of the store.</summary>
    public Func<HttpContext, Task> BeforeStore { get; set; } = _ => Task.CompletedTask;

    /// <summary>Answers in place of the hub, once each.</summary>
    public ConcurrentQueue<Func<HttpContext, Task>> HubFaults { get; } = [];

    public static async Task<FakeHub> StartAsync()
    {
        var hub = new FakeHub();
        await hub._hub.StartAsync();
        await hub._store.StartAsync();
        return hub;
    }

    /// <summary>Adds a repository of given files.</summary>
    public Repository Add(string model, params IEnumerable<(string Name, byte[] Content)> files)
    {
        var repository = new Repository(Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(model))));
        foreach ((string name, byte[] content) in files) repository.Files[name] = content;
        return _repositories[model] = repository;
    }

    /// <summary>Adds a repository of a folder's files.</summary>
    public Repository AddFolder(string model, string folder) =>
        Add(model, Directory.EnumerateFiles(folder).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f))));

    /// <summary>A fault: sends so many bytes of what was asked and breaks the connection.</summary>
    public static Func<HttpContext, byte[], Task> BreakAfter(int bytes) => async (context, content) =>
    {
        (int from, int end) = RangeOf(context.Request, content.Length, knowsRanges: true);
        Describe(context.Response, from, end, content.Length);
        await context.Response.Body.WriteAsync(content.AsMemory(from, Math.Min(bytes, end - from)));
        // An answer shorter than it says lets Kestrel close the connection; an abort would also take back what is on its way.
    };

    /// <summary>A fault: refuses with a status and, if given, asks to wait.</summary>
    public static Func<HttpContext, byte[], Task> Refuse(int status, string? retryAfter = null) => (context, _) =>
    {
        context.Response.StatusCode = status;
        if (retryAfter is not null) context.Response.Headers.RetryAfter = retryAfter;
        return Task.CompletedTask;
    };

    /// <summary>A fault: sends other bytes than those asked for.</summary>
    public static Func<HttpContext, byte[], Task> Corrupt() => async (context, content) =>
    {
        (int from, int end) = RangeOf(context.Request, content.Length, knowsRanges: true);
        Describe(context.Response, from, end, content.Length);
        await context.Response.Body.WriteAsync(new byte[end - from]);
    };

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        await _store.DisposeAsync();
    }

    private static WebApplication Build(RequestDelegate serve)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        WebApplication app = builder.Build();
        app.Run(serve);
        return app;
    }

    private static bool IsLarge(string file) => file.EndsWith(".safetensors", StringComparison.Ordinal) || file == "tokenizer.json";

    private async Task ServeHubAsync(HttpContext context)
    {
        Record(context, toStore: false);
        if (HubFaults.TryDequeue(out Func<HttpContext, Task>? fault))
        {
            await fault(context);
            return;
        }
        string[] path = context.Request.Path.Value!.Trim('/').Split('/');
        bool listing = path is ["api", "models", _, _, "revision", ..];
        string model = listing ? $"{path[2]}/{path[3]}" : $"{path[0]}/{path.ElementAtOrDefault(1)}";
        if (!_repositories.TryGetValue(model, out Repository? repository) || (repository.Token is not null && !repository.Gated && !Opens(context, repository)))
        {
            Error(context, 401, "RepoNotFound");
            return;
        }
        string revision = Uri.UnescapeDataString(string.Join('/', listing ? path[5..] : path[3..4]));
        if (revision != "main" && revision != repository.Commit)
        {
            Error(context, 404, "RevisionNotFound");
            return;
        }
        if (listing)
        {
            await context.Response.WriteAsJsonAsync(new
            {
                id = model,
                sha = repository.Commit,
                siblings = repository.Files.Select(f => IsLarge(f.Key)
                    ? (object)new { rfilename = f.Key, size = f.Value.Length, blobId = BlobId([]), lfs = new { sha256 = repository.Sha256(f.Key), size = f.Value.Length, pointerSize = 134 } }
                    : new { rfilename = f.Key, size = f.Value.Length, blobId = BlobId(f.Value) }),
            });
            return;
        }
        if (repository.Gated && !Opens(context, repository))
        {
            Error(context, context.Request.Headers.Authorization.Count == 0 ? 401 : 403, "GatedRepo");
            return;
        }
        string file = string.Join('/', path[4..]);
        if (!repository.Files.TryGetValue(file, out byte[]? content)) Error(context, 404, "EntryNotFound");
        else if (IsLarge(file)) context.Response.Redirect($"{_store.Urls.Single()}/{model}/{file}{Signature}");
        else await SendAsync(context, content, knowsRanges: true);
    }

    private async Task ServeStoreAsync(HttpContext context)
    {
        Record(context, toStore: true);
        string[] path = context.Request.Path.Value!.Trim('/').Split('/');
        byte[] content = _repositories[$"{path[0]}/{path[1]}"].Files[path[2]];
        await BeforeStore(context);
        if (context.Request.QueryString.Value != Signature) context.Response.StatusCode = 403;
        else if (StoreFaults.TryDequeue(out Func<HttpContext, byte[], Task>? fault)) await fault(context, content);
        else await SendAsync(context, content, KnowsRanges);
    }

    private void Record(HttpContext context, bool toStore)
    {
        IHeaderDictionary headers = context.Request.Headers;
        _requests.Enqueue(new(toStore, context.Request.Path.Value!, headers.Range.Count == 0 ? null : headers.Range.ToString(), headers.Authorization.Count == 0 ? null : headers.Authorization.ToString()));
    }

    private static bool Opens(HttpContext context, Repository repository) => context.Request.Headers.Authorization == $"Bearer {repository.Token}";

    private static void Error(HttpContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        context.Response.Headers["X-Error-Code"] = code;
    }

    private static async Task SendAsync(HttpContext context, byte[] content, bool knowsRanges)
    {
        (int from, int end) = RangeOf(context.Request, content.Length, knowsRanges);
        Describe(context.Response, from, end, content.Length);
        await context.Response.Body.WriteAsync(content.AsMemory(from, end - from));
    }

    private static void Describe(HttpResponse response, int from, int end, int length)
    {
        response.ContentLength = end - from;
        if (from == 0 && end == length) return;
        response.StatusCode = 206;
        response.Headers.ContentRange = new ContentRangeHeaderValue(from, end - 1, length).ToString();
    }

    private static (int From, int End) RangeOf(HttpRequest request, int length, bool knowsRanges)
    {
        if (!knowsRanges || !RangeHeaderValue.TryParse(request.Headers.Range.ToString(), out RangeHeaderValue? range)) return (0, length);
        RangeItemHeaderValue asked = range.Ranges.Single();
        return ((int)asked.From!.Value, (int)Math.Min(asked.To ?? length - 1, length - 1) + 1);
    }

    private static string BlobId(byte[] content) => Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
}
