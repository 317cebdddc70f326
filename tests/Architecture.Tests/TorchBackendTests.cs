using System.Diagnostics;
using System.Text.Json;
using TrainingService.Tests;

namespace TrainingService.Architecture.Tests;

/// <summary>Which libtorch the property <c>TorchBackend</c> brings, asked of MSBuild itself.</summary>
public sealed class TorchBackendTests
{
    [Fact]
    public async Task Cpu_IsTheDefaultAndBringsThisSystemsLibrary()
    {
        string library = OperatingSystem.IsWindows() ? "libtorch-cpu-win-x64" : OperatingSystem.IsMacOS() ? "libtorch-cpu-osx-arm64" : "libtorch-cpu-linux-x64";
        Assert.Equal(["TorchSharp", library], await TorchPackagesAsync([]));
        Assert.Equal(["TorchSharp", library], await TorchPackagesAsync(["-p:TorchBackend=cpu"]));
    }

    [Fact]
    public async Task Cuda_BringsTheCudaBuild() => Assert.Equal(
        ["TorchSharp", OperatingSystem.IsWindows() ? "TorchSharp-cuda-windows" : "TorchSharp-cuda-linux"], await TorchPackagesAsync(["-p:TorchBackend=cuda"]));

    [Fact]
    public async Task External_BringsNoLibrary() => Assert.Equal(["TorchSharp"], await TorchPackagesAsync(["-p:TorchBackend=external"]));

    [Fact]
    public async Task AnythingElse_IsRefusedWithWhatToUse()
    {
        // The first target that a restore runs, so nothing is written should it be let through.
        (int exitCode, string output) = await MsBuildAsync(["-t:CollectPackageReferences", "-p:TorchBackend=nonsense"]);
        Assert.NotEqual(0, exitCode);
        Assert.Contains("TorchBackend is 'nonsense'. Use cpu, cuda or external", output, StringComparison.Ordinal);
    }

    private static async Task<string[]> TorchPackagesAsync(string[] arguments)
    {
        (int exitCode, string output) = await MsBuildAsync(["-getItem:PackageReference", .. arguments]);
        Assert.True(exitCode == 0, output);
        using JsonDocument items = JsonDocument.Parse(output);
        return [.. items.RootElement.GetProperty("Items").GetProperty("PackageReference").EnumerateArray()
            .Select(i => i.GetProperty("Identity").GetString()!).Where(n => n.Contains("torch", StringComparison.OrdinalIgnoreCase))];
    }

    private static async Task<(int ExitCode, string Output)> MsBuildAsync(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", ["msbuild", RepositoryRoot.PathOf("src", "Training", "Training.csproj"), "-nologo", "-nodeReuse:false", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // What "dotnet test" sets for its own build would lead this one astray.
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || k == "TorchBackend").ToList())
            start.Environment.Remove(name);
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, output + await errors);
    }
}
