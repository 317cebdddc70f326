using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Webhooks;

namespace TrainingService.Api.Webhooks;

/// <summary>Sends one message by Standard Webhooks 1.0.0. Follows no redirect, uses no proxy, and asks at each connection whether its address is allowed.</summary>
internal sealed class WebhookClient : IDisposable
{
    private const int LongestHeadersKiB = 16;

    private readonly WebhookOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly HttpClient _http;

    public WebhookClient(IOptions<WebhookOptions> options, TimeProvider timeProvider)
    {
        (_options, _timeProvider) = (options.Value, timeProvider);
        _http = new(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            MaxResponseHeadersLength = LongestHeadersKiB,
            // A name may point elsewhere a minute later.
            PooledConnectionLifetime = TimeSpan.FromMinutes(1),
            ConnectCallback = ConnectAsync,
        })
        { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>The answer's status, or why there is none.</summary>
    public async Task<(int? Status, string? Error)> SendAsync(WebhookEndpoint endpoint, WebhookDelivery delivery, CancellationToken cancellationToken)
    {
        string timestamp = $"{_timeProvider.GetUtcNow().ToUnixTimeSeconds()}";
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint.Url)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(delivery.Payload)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.Add("webhook-id", delivery.EventId);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", WebhookSecret.Sign(endpoint.Secret, delivery.EventId, timestamp, delivery.Payload));
        request.Headers.UserAgent.ParseAdd("TrainingService-Webhooks/1.0");

        using var timeout = new CancellationTokenSource(_options.Timeout, _timeProvider);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            // The answer's body is nobody's business here.
            using HttpResponseMessage response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            int status = (int)response.StatusCode;
            return (status, response.IsSuccessStatusCode ? null : $"The endpoint answered {status}; a message is delivered by a status of 200 to 299.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, string.Create(CultureInfo.InvariantCulture, $"The endpoint did not answer within {_options.Timeout.TotalSeconds} seconds."));
        }
        catch (HttpRequestException e)
        {
            return (null, e.InnerException is AddressRefusedException refused ? refused.Message : e.Message);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Connects to what the name means now; that it meant something else when the endpoint was created proves nothing.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        DnsEndPoint target = context.DnsEndPoint;
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(target.Host, cancellationToken);
        IPAddress[] allowed = _options.AllowPrivateAddresses ? addresses : [.. addresses.Where(PublicAddress.Is)];
        if (allowed.Length == 0) throw new AddressRefusedException(target.Host);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, target.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

/// <summary>A name that means no public address.</summary>
internal sealed class AddressRefusedException(string host) : IOException(
    $"{host} is no address of the public internet; messages go to others only where Webhooks:AllowPrivateAddresses is set.");
