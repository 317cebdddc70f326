using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Inference.Decoding;

namespace TrainingService.Inference.Tests.Decoding;

public class DecodingTests
{
    // Answers of the sample model are short, so it takes many to keep it busy for seconds.
    private const string Many = """{"model": "demo-model", "prompt": ["Once", "There", "When", "It"], "temperature": 2, "seed": 1, "n": 128, "max_tokens": 400""";

    [Fact]
    public async Task ClientThatGoesAway_StopsItsDecoding()
    {
        await using InferenceServer server = await InferenceServer.StartAsync();
        using var metrics = new DecodingCounters(server.Services.GetRequiredService<IMeterFactory>());
        using (HttpResponseMessage whole = await server.PostAsync("/v1/completions", Many + "}")) Assert.InRange((await whole.JsonAsync()).Usage().Completion, 4000, 512 * 400);
        long all = metrics.Tokens;
        await IdleAsync(metrics);

        using (var leave = new CancellationTokenSource())
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(Many + ", \"stream\": true}", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")) };
            using HttpResponseMessage response = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, leave.Token);
            await response.Content.ReadAsStream(leave.Token).ReadExactlyAsync(new byte[64], leave.Token);
            Assert.True(metrics.Answers > 0);
            leave.Cancel();
        }
        await IdleAsync(metrics);
        Assert.True(metrics.Tokens - all < all, $"{metrics.Tokens - all} of {all} tokens were drawn for nobody.");
        await server.ChatAsync("Add five and one.");
    }

    /// <summary>A client has its answer a moment before the place is free.</summary>
    private static async Task IdleAsync(DecodingCounters metrics)
    {
        var patience = Stopwatch.StartNew();
        while (metrics.Answers > 0 && patience.Elapsed < TimeSpan.FromSeconds(60)) await Task.Delay(5);
        Assert.Equal(0, metrics.Answers);
    }

    [Fact]
    public async Task AnswersBeyondTheLimit_WaitTheirTurn_AndBeyondTheQueueAreRefused()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(("Inference:MaxConcurrentAnswers", "2"), ("Inference:MaxWaitingAnswers", "1"));
        using var metrics = new DecodingCounters(server.Services.GetRequiredService<IMeterFactory>());
        string alone = (await server.ChatAsync("Add five and one.")).Content();
        await IdleAsync(metrics);

        Task<HttpResponseMessage> many = server.PostAsync("/v1/completions", """{"model": "demo-model", "prompt": "Once", "temperature": 2, "n": 128}""");
        var patience = Stopwatch.StartNew();
        while (metrics.Answers == 0 && patience.Elapsed < TimeSpan.FromSeconds(30)) await Task.Delay(1);
        using (HttpResponseMessage refused = await server.PostAsync("/v1/chat/completions", InferenceServer.Chat("Hello", "")))
            Assert.Equal("overloaded", (await refused.ErrorAsync(HttpStatusCode.ServiceUnavailable)).Code);
        using HttpResponseMessage whole = await many;

        Assert.Equal(128, (await whole.JsonAsync())["choices"]!.AsArray().Count);
        Assert.Equal(2, metrics.MostAnswers);
        Assert.Equal(alone, (await server.ChatAsync("Add five and one.")).Content());
    }

    [Fact]
    public async Task StoppingServer_EndsAnswersWithAClearError()
    {
        InferenceServer server = await InferenceServer.StartAsync();
        await using (server)
        {
            using var metrics = new DecodingCounters(server.Services.GetRequiredService<IMeterFactory>());
            Task<HttpResponseMessage> many = server.PostAsync("/v1/completions", Many + "}");
            var patience = Stopwatch.StartNew();
            while (metrics.Answers == 0 && patience.Elapsed < TimeSpan.FromSeconds(30)) await Task.Delay(1);

            server.Services.GetRequiredService<Microsoft.Extensions.Hosting.IHostApplicationLifetime>().StopApplication();

            using HttpResponseMessage response = await many;
            Assert.Equal("stopping", (await response.ErrorAsync(HttpStatusCode.ServiceUnavailable)).Code);
        }
    }

    /// <summary>Reads the meter as an operator's tools do.</summary>
    private sealed class DecodingCounters : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _tokens;
        private int _answers, _most;

        public DecodingCounters(IMeterFactory meters)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == DecodingMetrics.MeterName && instrument.Meter.Scope == meters) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<int>((instrument, value, _, _) =>
            {
                if (instrument.Name == "inference.tokens") Interlocked.Add(ref _tokens, value);
                else _most = Math.Max(_most, Interlocked.Add(ref _answers, value));
            });
            _listener.Start();
        }

        public long Tokens => Interlocked.Read(ref _tokens);

        public int Answers => Volatile.Read(ref _answers);

        public int MostAnswers => Volatile.Read(ref _most);

        public void Dispose() => _listener.Dispose();
    }
}
