using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace TrainingService.Tests;

/// <summary>One of the product's hosts as a process of its own, as it is deployed.</summary>
public sealed partial class HostProcess : IAsyncDisposable
{
    // Whatever takes longer hangs, on the slowest machine too.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private bool _isDisposed;

    private HostProcess(Process process) => _process = process;

    /// <summary>Where it listens.</summary>
    public Uri Address => _address.Task.Result;

    /// <summary>All it has printed so far.</summary>
    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    /// <summary>Starts a host that was built beside the tests and waits until it listens.</summary>
    /// <param name="host">Name of its project: Api, Worker or Standalone.</param>
    /// <param name="settings">Environment variables, e.g. <c>Storage__Provider</c>.</param>
    /// <param name="arguments">Its command line.</param>
    public static async Task<HostProcess> StartAsync(string host, IEnumerable<KeyValuePair<string, string>> settings, params IEnumerable<string> arguments)
    {
        HostProcess running = Start(host, settings, arguments);
        try
        {
            await Task.WhenAny(running._address.Task, running._process.WaitForExitAsync()).WaitAsync(s_patience);
            return running._address.Task.IsCompleted ? running : throw new InvalidOperationException($"{host} ended before it listened:\n{running.Output}");
        }
        catch
        {
            await running.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a host to its end.</summary>
    public static Task<(int ExitCode, string Output)> RunAsync(string host, params IEnumerable<string> arguments) => RunAsync(host, [], arguments);

    /// <summary>Runs a host to its end, with environment variables.</summary>
    public static async Task<(int ExitCode, string Output)> RunAsync(string host, IEnumerable<KeyValuePair<string, string>> settings, params IEnumerable<string> arguments)
    {
        await using HostProcess running = Start(host, settings, arguments);
        await running._process.WaitForExitAsync().WaitAsync(s_patience);
        return (running._process.ExitCode, running.Output);
    }

    private static HostProcess Start(string host, IEnumerable<KeyValuePair<string, string>> settings, IEnumerable<string> arguments)
    {
        // bin/<configuration>/net10.0 of the tests is that of the hosts.
        string configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        string program = RepositoryRoot.PathOf("src", host, "bin", configuration, "net10.0", $"TrainingService.{host}.dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        // Standalone takes its port from the command line.
        if (host != "Standalone") start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        foreach ((string name, string value) in settings) start.Environment[name] = value;
        var running = new HostProcess(Process.Start(start)!);
        running._process.OutputDataReceived += running.Read;
        running._process.ErrorDataReceived += running.Read;
        running._process.BeginOutputReadLine();
        running._process.BeginErrorReadLine();
        return running;
    }

    /// <summary>The most memory that it has had resident so far.</summary>
    public long PeakBytes
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64;
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, as a container's stop sends it; returns the exit code.</summary>
    public async Task<int> TerminateAsync()
    {
        // The shell's own: a bare machine need not have the program.
        using Process kill = Process.Start("sh", ["-c", $"kill -TERM {_process.Id}"]);
        await kill.WaitForExitAsync();
        await _process.WaitForExitAsync().WaitAsync(s_patience);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        if (!_process.HasExited) await KillAsync();
        _process.Dispose();
    }

    private void Read(object sender, DataReceivedEventArgs line)
    {
        if (line.Data is null) return;
        lock (_output) _output.AppendLine(line.Data);
        if (Listening().Match(line.Data) is { Success: true } match) _address.TrySetResult(new(match.Groups[1].Value));
    }

    [GeneratedRegex(@"(?:Now listening on:|listens on) (http://[^\s;]+)")]
    private static partial Regex Listening();
}
