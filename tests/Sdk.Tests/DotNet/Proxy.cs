using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TrainingService.Sdk.Tests.DotNet;

/// <summary>Stands before the service, refuses the first requests as an overloaded one would, and counts all.</summary>
internal sealed class Proxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private int _requests;

    private Proxy(WebApplication app) => _app = app;

    public Uri BaseUrl => new(new Uri(_app.Urls.Single()), "/v1");

    public int Requests => _requests;

    /// <param name="service">Where the requests go that are not refused.</param>
    /// <param name="status">What the first requests are answered with.</param>
    /// <param name="refusals">How many of them.</param>
    /// <param name="retryAfter">The seconds that a refusal asks the client to wait.</param>
    public static async Task<Proxy> StartAsync(RunningService service, int status = 503, int refusals = 0, int retryAfter = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        WebApplication app = builder.Build();
        var proxy = new Proxy(app);
        HttpClient http = service.Http();
        app.Run(async context =>
        {
            if (Interlocked.Increment(ref proxy._requests) <= refusals)
            {
                context.Response.StatusCode = status;
                context.Response.Headers.RetryAfter = $"{retryAfter}";
                return;
            }
            using var request = new HttpRequestMessage(new(context.Request.Method), context.Request.Path + context.Request.QueryString);
            if (context.Request.ContentType is { } type) request.Content = new StreamContent(context.Request.Body) { Headers = { ContentType = MediaTypeHeaderValue.Parse(type) } };
            using HttpResponseMessage response = await http.SendAsync(request);
            context.Response.StatusCode = (int)response.StatusCode;
            context.Response.ContentType = response.Content.Headers.ContentType?.ToString();
            if (response.Headers.TryGetValues("x-should-retry", out IEnumerable<string>? retry)) context.Response.Headers["x-should-retry"] = retry.Single();
            await response.Content.CopyToAsync(context.Response.Body);
        });
        await app.StartAsync();
        return proxy;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}
