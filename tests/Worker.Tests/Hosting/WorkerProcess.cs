using System.Diagnostics;
using System.Text;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Tests.Hosting;

/// <summary>A real worker in a process of its own.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();

    public WorkerProcess(TestStorage storage)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(WorkerHost).Assembly.Location])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = storage.Folder,
        };
        Dictionary<string, string?> settings = new(storage.Configuration)
        {
            ["Worker:LeaseDuration"] = "00:00:03",
            ["Worker:StateInterval"] = "00:00:00.200",
            ["Worker:SweepInterval"] = "00:00:00.500",
            ["Urls"] = "http://127.0.0.1:0",
        };
        foreach ((string key, string? value) in settings) start.Environment[key.Replace(":", "__", StringComparison.Ordinal)] = value;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    /// <summary>kill -9: the process gets no chance to do anything.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>kill -TERM, as a container's stop sends it.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> TerminateAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        lock (_output) _output.AppendLine(line);
    }
}
