using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.Extensions.Options;

namespace TrainingService.Storage.Hub;

/// <summary>
/// The calls of the Hub's HTTP API that fetching a model takes. Redirects are followed here, not by the handler: the token
/// goes to the endpoint alone, also when that redirects to itself, and never to the store that it sends us to.
/// Nothing logs the addresses: those of the store hold signatures that open the file.
/// </summary>
public sealed class HubClient : IDisposable
{
    private const int MostRedirects = 5;
    private const int LongestListing = 16 << 20;

    private readonly HubOptions _options;
    private readonly HttpClient _http;

    /// <summary>A client of the configured Hub.</summary>
    public HubClient(IOptions<HubOptions> options)
    {
        _options = options.Value;
        _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            // Until the headers are there; bodies are read with a patience of their own.
            Timeout = _options.Timeout,
        };
        _http.DefaultRequestHeaders.UserAgent.ParseAdd("TrainingService/1.0");
    }

    /// <summary>The Hub's name, for messages.</summary>
    public string Name => _options.Endpoint.Authority;

    /// <summary>What a revision of a model holds.</summary>
    /// <param name="model">The model's id, which <see cref="HubModelId"/> accepts.</param>
    /// <param name="revision">A branch, tag or commit, which <see cref="HubModelId"/> accepts.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="HubException">There is no such model or revision, or the Hub does not say.</exception>
    public async Task<HubRepository> FindAsync(string model, string revision, CancellationToken cancellationToken)
    {
        if (!HubModelId.IsValid(model) || !HubModelId.IsRevision(revision)) throw new ArgumentException($"'{model}' at '{revision}' is nothing that the Hub knows.", nameof(model));
        using HttpResponseMessage response = await SendAsync(Address($"api/models/{model}/revision/{Uri.EscapeDataString(revision)}?blobs=true"), null, cancellationToken);
        if (!response.IsSuccessStatusCode) throw HubErrors.Of(response, Name, model, revision);
        try
        {
            using JsonDocument listing = JsonDocument.Parse(await ReadBodyAsync(response, LongestListing, cancellationToken));
            string id = listing.RootElement.GetProperty("id").GetString() ?? "", commit = listing.RootElement.GetProperty("sha").GetString() ?? "";
            if (!HubModelId.IsValid(id) || !HubModelId.IsCommit(commit)) throw new FormatException($"Id '{id}' or commit '{commit}' is none.");
            return new(id, commit, [.. listing.RootElement.GetProperty("siblings").EnumerateArray().Select(FileOf)]);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new HubException(HubErrorCodes.Unavailable, $"{Name} does not answer as the Hub does: {e.Message} HF_ENDPOINT must be the address of a Hub.", e);
        }
    }

    /// <summary>Reads a small file whole.</summary>
    /// <exception cref="HubException">It cannot be read, or is longer than it should be.</exception>
    public async Task<byte[]> ReadAsync(HubRepository repository, HubFile file, int longest, CancellationToken cancellationToken)
    {
        if (file.Size > longest) throw new HubException(HubErrorCodes.UnsupportedModel, $"{file.Name} of {repository.Model} has {file.Size} bytes; at most {longest} are read.");
        using HttpResponseMessage response = await OpenAsync(repository, file, null, cancellationToken);
        return await ReadBodyAsync(response, longest, cancellationToken);
    }

    /// <summary>Asks for a file, or a range of it. Whether the answer is that range is the caller's to see: a server may not know ranges.</summary>
    /// <exception cref="HubException">It cannot be had.</exception>
    public async Task<HttpResponseMessage> OpenAsync(HubRepository repository, HubFile file, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        string path = string.Join('/', file.Name.Split('/').Select(Uri.EscapeDataString));
        HttpResponseMessage response = await SendAsync(Address($"{repository.Model}/resolve/{repository.Commit}/{path}"), range, cancellationToken);
        if (response.IsSuccessStatusCode) return response;
        using (response) throw HubErrors.Of(response, Name, repository.Model, repository.Commit, file.Name);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static HubFile FileOf(JsonElement sibling)
    {
        string name = sibling.GetProperty("rfilename").GetString() ?? "";
        bool large = sibling.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object;
        string? checksum = large ? lfs.GetProperty("sha256").GetString() : sibling.GetProperty("blobId").GetString();
        long size = large && lfs.TryGetProperty("size", out JsonElement own) ? own.GetInt64() : sibling.GetProperty("size").GetInt64();
        return size >= 0 && checksum is { Length: 40 or 64 } ? new(name, size, checksum.ToLowerInvariant()) : throw new FormatException($"File '{name}' has no size or checksum.");
    }

    private Uri Address(string path) => new(_options.Endpoint.AbsoluteUri.TrimEnd('/') + "/" + path);

    private async Task<HttpResponseMessage> SendAsync(Uri address, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        for (int redirects = 0; redirects <= MostRedirects; redirects++)
        {
            HttpResponseMessage response = await SendOnceAsync(address, range, cancellationToken);
            if (response.StatusCode is not (HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
                    or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect) || response.Headers.Location is not { } location)
                return response;
            response.Dispose();
            Uri next = new(address, location);
            if (next.Scheme != Uri.UriSchemeHttps && next.Scheme != address.Scheme)
                throw new HubException(HubErrorCodes.Unavailable, $"{address.Host} redirects to {next.Scheme}://{next.Host}, which is less safe than where it came from.");
            address = next;
        }
        throw new HubException(HubErrorCodes.Unavailable, $"{Name} redirects more than {MostRedirects} times.");
    }

    private async Task<HttpResponseMessage> SendOnceAsync(Uri address, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        bool isHub = Uri.Compare(address, _options.Endpoint, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;
        if (isHub && _options.Token is { } token) request.Headers.Authorization = new("Bearer", token);
        request.Headers.Range = range;
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw HubErrors.Unreachable(address.Host, e);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw HubErrors.Unreachable(address.Host, e);
        }
    }

    private async Task<byte[]> ReadBodyAsync(HttpResponseMessage response, int longest, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(_options.Timeout);
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(timeout.Token);
            using var read = new MemoryStream();
            byte[] buffer = new byte[65536];
            for (int count; (count = await body.ReadAsync(buffer, timeout.Token)) > 0;)
            {
                if (read.Length + count > longest) throw new HubException(HubErrorCodes.Unavailable, $"{Name} sends more than {longest} bytes where a small file was asked for.");
                read.Write(buffer, 0, count);
            }
            return read.ToArray();
        }
        catch (Exception e) when (e is IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw HubErrors.Unreachable(Name, e);
        }
    }
}
