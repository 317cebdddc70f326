using TrainingService.Standalone.Hosting;

namespace TrainingService.Standalone.Demo;

/// <summary>Starts the service and runs the main job over its own HTTP API, as any client would.</summary>
internal static class DemoCommand
{
    private const double PlainShareExpected = 0.9;

    /// <returns>The process's exit code: 0 when the tuned model answers plainly.</returns>
    public static async Task<int> RunAsync(WebApplication app, string dataFolder)
    {
        using var interrupted = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) => { pressed.Cancel = true; interrupted.Cancel(); };
        await app.StartAsync(interrupted.Token);
        try
        {
            using var http = new HttpClient { BaseAddress = StandaloneHost.AddressOf(app), Timeout = TimeSpan.FromMinutes(5) };
            var report = new DemoReport(Console.Out, live: !Console.IsOutputRedirected);
            DemoResult result = await new Demo(new DemoClient(http), report, StandaloneHost.SamplesFolder, dataFolder).RunAsync(interrupted.Token);
            if (result.After.PlainShare >= PlainShareExpected && result.After.RightShare >= result.Before.RightShare - 0.1) return 0;
            Console.Error.WriteLine("The tuned model does not answer as it should: see the table above.");
            return 1;
        }
        catch (DemoException exception)
        {
            Console.Error.WriteLine(exception.Message);
            return 1;
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            return 130;
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
        }
    }
}
