using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.Options;
using TrainingService.Api.Errors;
using Yarp.ReverseProxy.Forwarder;

namespace TrainingService.Api.Inference;

/// <summary>Hands requests to the worker, which has the models and libtorch, and its answers back as they come.</summary>
internal sealed class WorkerForwarder(IHttpForwarder forwarder, IOptions<InferenceOptions> options) : IDisposable
{
    // As YARP's documentation sets it up: nothing of the connection or the answer is ours to interpret.
    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        EnableMultipleHttp2Connections = true,
        ActivityHeadersPropagator = new ReverseProxyPropagator(DistributedContextPropagator.Current),
        ConnectTimeout = TimeSpan.FromSeconds(10),
    });

    // The worker asks for the key itself, by the rules of this host: it needs to know the name that the client used.
    private static readonly KeepHost s_transformer = new();

    private readonly ForwarderRequestConfig _request = new() { ActivityTimeout = options.Value.Timeout };

    public async Task ForwardAsync(HttpContext http)
    {
        if (options.Value.WorkerUrl is not { } worker)
        {
            http.Response.Headers["x-should-retry"] = "false";
            await Unavailable("No worker answers chats and completions here: the setting Inference:WorkerUrl names none.").ExecuteAsync(http);
            return;
        }
        ForwarderError error = await forwarder.SendAsync(http, worker.AbsoluteUri, _client, _request, s_transformer);
        if (error == ForwarderError.None || http.Response.HasStarted || http.RequestAborted.IsCancellationRequested) return;
        ApiError answer = error == ForwarderError.RequestBodyDestination && http.Response.StatusCode == StatusCodes.Status413PayloadTooLarge
            ? ApiError.TooLarge("The request's body is larger than this endpoint takes.")
            : Unavailable("The worker that answers chats and completions cannot be reached; send the request again a little later.");
        http.Response.Clear();
        await answer.ExecuteAsync(http);
    }

    public void Dispose() => _client.Dispose();

    private sealed class KeepHost : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(HttpContext http, HttpRequestMessage request, string destination, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(http, request, destination, cancellationToken);
            request.Headers.Host = http.Request.Host.Value;
        }
    }

    private static ApiError Unavailable(string message) => new(StatusCodes.Status503ServiceUnavailable, message, code: "no_worker");
}
