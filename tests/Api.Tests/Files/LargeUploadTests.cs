using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Files;

/// <summary>Alone, since memory is measured for the whole process.</summary>
[CollectionDefinition(nameof(LargeUploadTests), DisableParallelization = true)]
public sealed class LargeUploadCollection;

[Collection(nameof(LargeUploadTests))]
public sealed class LargeUploadTests(ApiServer server, PostgresServer postgres) : IClassFixture<ApiServer>
{
    private const long MiB = 1 << 20;

    [Fact]
    public async Task TwoHundredMiB_PassInConstantMemory()
    {
        using (HttpResponseMessage warmUp = await server.UploadAsync(("purpose", new StringContent("fine-tune"), null), ("file", new Rows(MiB), "rows.jsonl")))
            await warmUp.JsonAsync();

        long resident = Resident(), managed = GC.GetTotalMemory(forceFullCollection: true), mostResident = 0, mostManaged = 0;
        var rows = new Rows(200 * MiB)
        {
            Sampled = () =>
            {
                mostResident = Math.Max(mostResident, Resident());
                mostManaged = Math.Max(mostManaged, GC.GetTotalMemory(forceFullCollection: true));
            },
        };
        var watch = Stopwatch.StartNew();
        using HttpResponseMessage response = await server.UploadAsync(("purpose", new StringContent("fine-tune"), null), ("file", rows, "rows.jsonl"));
        JsonObject file = await response.JsonAsync();

        TestContext.Current.TestOutputHelper?.WriteLine($"{watch.Elapsed.TotalSeconds:0.0} s; managed +{(mostManaged - managed) / (double)MiB:0.0} MiB, resident +{(mostResident - resident) / (double)MiB:0.0} MiB");
        Assert.True(file["bytes"]!.GetValue<long>() >= 200 * MiB);
        Assert.Equal(rows.Count, file["dataset"]!["rows"]!.GetValue<long>());
        Assert.InRange(mostManaged - managed, long.MinValue, 16 * MiB);
        Assert.InRange(mostResident - resident, long.MinValue, 64 * MiB);

        using HttpResponseMessage deleted = await server.Client.DeleteAsync($"/v1/files/{file.Text("id")}");
        await deleted.JsonAsync();
    }

    [Fact]
    public async Task FileAboveTheLimit_IsTooLarge()
    {
        await using ApiServer small = await ApiServer.StartAsync(postgres, StorageProvider.Sqlite, ("Api:MaxUploadBytes", "1000"));
        foreach (long size in new[] { 2000, 4 * MiB })
        {
            using HttpResponseMessage response = await small.UploadAsync(("purpose", new StringContent("fine-tune"), null), ("file", new Rows(size), "rows.jsonl"));
            JsonObject error = await response.ErrorAsync(HttpStatusCode.RequestEntityTooLarge);
            Assert.Contains("larger than the 1000 bytes", error.Message());
            Assert.Equal("file", error.Param());
        }
        Assert.Empty(small.StoredPaths());
    }

    [Fact]
    public async Task ClientThatDisconnects_LeavesNothingBehind()
    {
        string[] before = server.StoredPaths();
        using (var client = new TcpClient())
        {
            await client.ConnectAsync(IPAddress.Loopback, server.Client.BaseAddress!.Port);
            NetworkStream stream = client.GetStream();
            await stream.WriteAsync(Encoding.ASCII.GetBytes(
                "POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 50000000\r\n\r\n"
                + "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n"
                + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"rows.jsonl\"\r\n\r\n"));
            for (int i = 0; i < 1000; i++) await stream.WriteAsync(Rows.Row);
            await EventuallyAsync(() => server.StoredPaths().Length == before.Length + 1);
            client.Client.LingerState = new LingerOption(true, 0);
        }
        await EventuallyAsync(() => server.StoredPaths().SequenceEqual(before));
    }

    private static long Resident()
    {
        using var process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private static async Task EventuallyAsync(Func<bool> condition)
    {
        for (int i = 0; i < 1000 && !condition(); i++) await Task.Delay(20);
        Assert.True(condition());
    }

    /// <summary>So many bytes of rows, made while they are sent.</summary>
    private sealed class Rows(long bytes) : HttpContent
    {
        public static readonly byte[] Row = Encoding.UTF8.GetBytes(
            $$"""{"prompt": "{{new string('p', 400)}}", "chosen": "{{new string('c', 300)}}", "rejected": "{{new string('r', 300)}}"}""" + "\n");

        public long Count { get; private set; }

        public Action? Sampled { get; init; }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (long sent = 0; sent < bytes; sent += Row.Length)
            {
                await stream.WriteAsync(Row);
                if (Count++ % 10_000 == 0) Sampled?.Invoke();
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = (bytes + Row.Length - 1) / Row.Length * Row.Length;
            return true;
        }
    }
}
