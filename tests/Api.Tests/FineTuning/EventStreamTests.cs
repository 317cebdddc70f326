using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.FineTuning;

public sealed class EventStreamTests(ApiServer server, PostgresServer postgres) : IClassFixture<ApiServer>
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Fact]
    public async Task Stream_TellsWhatIsThereThenWhatHappensThenTheEnd()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        using HttpResponseMessage response = await OpenAsync(server, id);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        await using IAsyncEnumerator<SseItem<string>> events = Read(response).GetAsyncEnumerator();

        Assert.Equal($"Created fine-tuning job: {id}", Message(await NextAsync(events)));
        await server.RunAsync(id);
        await server.ChangeAsync(id, _ => { }, new JobEvent($"{id}-1", id, "info", "metrics", "Step 1/2", """{"step": 1}""", s_now));
        SseItem<string> step = await NextAsync(events);
        Assert.Equal(("message", "Step 1/2"), (step.EventType, Message(step)));
        await server.ChangeAsync(id, job => job.EndCancelled(s_now), new JobEvent($"{id}-2", id, "info", "message", "Stopped.", null, s_now));
        Assert.Equal("Stopped.", Message(await NextAsync(events)));

        SseItem<string> status = await NextAsync(events);
        Assert.Equal("status", status.EventType);
        JsonNode job = JsonNode.Parse(status.Data)!;
        Assert.Equal((id, "cancelled"), (job.Text("id"), job.Text("status")));
        Assert.False(await events.MoveNextAsync());
    }

    [Fact]
    public async Task LastEventId_ResumesWithoutGapOrRepeat()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        await server.ChangeAsync(id, _ => { }, [.. Enumerable.Range(1, 5).Select(i => new JobEvent($"{id}-{i}", id, "info", "message", $"Event {i}", null, s_now))]);

        string? last = null;
        List<string> seen = [];
        using (HttpResponseMessage response = await OpenAsync(server, id))
        {
            await using IAsyncEnumerator<SseItem<string>> events = Read(response).GetAsyncEnumerator();
            for (int i = 0; i < 3; i++)
            {
                SseItem<string> item = await NextAsync(events);
                seen.Add(Message(item));
                last = item.EventId;
            }
        }
        using (HttpResponseMessage cancel = await server.Client.PostAsync($"/v1/fine_tuning/jobs/{id}/cancel", null)) await cancel.JsonAsync();
        using (HttpResponseMessage response = await OpenAsync(server, id, last))
        {
            List<SseItem<string>> rest = await Read(response).ToListAsync();
            Assert.Equal("status", rest[^1].EventType);
            seen.AddRange(rest[..^1].Select(Message));
        }
        Assert.Equal([$"Created fine-tuning job: {id}", "Event 1", "Event 2", "Event 3", "Event 4", "Event 5", "The job was cancelled."], seen);

        using HttpResponseMessage after = await server.Client.GetAsync($"/v1/fine_tuning/jobs/{id}/events?stream=true&after={id}-4");
        Assert.Equal(["Event 5", "The job was cancelled."], (await Read(after).ToListAsync())[..^1].Select(Message));
    }

    [Fact]
    public async Task BadLastEventId_IsNamed()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        using HttpResponseMessage response = await OpenAsync(server, id, "ftevent-x");
        Assert.Equal("Last-Event-ID", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
    }

    [Fact]
    public async Task Silence_IsFilledWithComments_AndAStoppingHostEndsTheStream()
    {
        ApiServer own = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, ("Api:EventHeartbeat", "00:00:00.020"));
        string id = (await own.CreateGoodJobAsync()).Text("id");
        using HttpResponseMessage response = await OpenAsync(own, id);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        int comments = 0;
        while (comments < 5)
        {
            string line = (await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)))!;
            if (line == ":") comments++;
        }
        await own.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));
        Assert.DoesNotContain("event: status", await reader.ReadToEndAsync());
    }

    private static async Task<HttpResponseMessage> OpenAsync(ApiServer server, string id, string? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/fine_tuning/jobs/{id}/events?stream=true");
        if (lastEventId is not null) request.Headers.Add("Last-Event-ID", lastEventId);
        return await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static async IAsyncEnumerable<SseItem<string>> Read(HttpResponseMessage response)
    {
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await foreach (SseItem<string> item in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
            yield return item;
    }

    private static async Task<SseItem<string>> NextAsync(IAsyncEnumerator<SseItem<string>> events)
    {
        Assert.True(await events.MoveNextAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30)));
        return events.Current;
    }

    private static string Message(SseItem<string> item) => JsonNode.Parse(item.Data)!.Text("message");
}
