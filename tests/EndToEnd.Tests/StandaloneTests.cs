using System.IO.Compression;
using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

public class StandaloneTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Demo_TurnsFlatteryIntoPlainAnswers()
    {
        string data = Directory.CreateTempSubdirectory("demo-").FullName;

        (int exitCode, string printed) = await HostProcess.RunAsync("Standalone", "--demo", "--data", data);

        output.WriteLine(printed);
        Assert.Equal(0, exitCode);
        // TRL, with the same settings: 21 to 56 of 60.
        (int before, int after) = PlainAnswers(printed);
        Assert.InRange(before, 15, 27);
        Assert.InRange(after, 54, 60);
        using ZipArchive zip = ZipFile.OpenRead(Path.Combine(data, "adapter.zip"));
        Assert.Contains("adapter_config.json", zip.Entries.Select(e => e.FullName));
        Assert.Contains("adapter_model.safetensors", zip.Entries.Select(e => e.FullName));
        Directory.Delete(data, recursive: true);
    }

    [Theory]
    [InlineData("--nonsense")]
    [InlineData("--port", "a")]
    [InlineData("--reproduce", "/no/such/manifest.json")]
    [InlineData("--data")]
    [InlineData("--models", "/no/such/folder")]
    public async Task WrongOption_IsNamed(params string[] arguments)
    {
        (int exitCode, string printed) = await HostProcess.RunAsync("Standalone", arguments);
        Assert.Equal(2, exitCode);
        Assert.Contains(arguments[0], printed.Split('\n')[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_LeadsToSwagger_AndTheWelcomeSaysWhereThingsAre()
    {
        string data = Directory.CreateTempSubdirectory("standalone-").FullName;
        await using HostProcess service = await HostProcess.StartAsync("Standalone", [], "--data", data, "--port", "0");
        using var http = new HttpClient { BaseAddress = service.Address };

        Assert.Contains("swagger-ui", await http.GetStringAsync("/"), StringComparison.Ordinal);
        while (!service.Output.Contains("demo-model", StringComparison.Ordinal)) await Task.Delay(50);
        Assert.Contains("/swagger", service.Output, StringComparison.Ordinal);
        Assert.Contains(data, service.Output, StringComparison.Ordinal);
        Assert.Equal(0, await service.TerminateAsync());
        Directory.Delete(data, recursive: true);
    }

    private static (int Before, int After) PlainAnswers(string printed)
    {
        System.Text.RegularExpressions.Match match = System.Text.RegularExpressions.Regex.Match(printed, @"plain answers (\d+) → (\d+)");
        return (int.Parse(match.Groups[1].Value), int.Parse(match.Groups[2].Value));
    }
}
