using System.ComponentModel;
using System.Diagnostics;
using Npgsql;

namespace TrainingService.Tests;

/// <summary>
/// A real PostgreSQL in a temporary folder, one for a test assembly:
/// <c>[assembly: AssemblyFixture(typeof(PostgresServer))]</c>. It listens on a Unix socket only, so no port can be taken.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("pg-").FullName;
    private Process? _server;
    private int _databases;

    /// <summary>Makes an empty database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        string name = $"test{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync($"CREATE DATABASE {name}");
        return ConnectionString(name);
    }

    /// <summary>Cuts every connection to a database and refuses new ones until <see cref="ReconnectAsync"/>.</summary>
    public async Task DisconnectAsync(string connectionString)
    {
        string name = new NpgsqlConnectionStringBuilder(connectionString).Database!;
        await ExecuteAsync($"ALTER DATABASE {name} ALLOW_CONNECTIONS false");
        await ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    }

    /// <summary>Lets a database answer again.</summary>
    public Task ReconnectAsync(string connectionString) =>
        ExecuteAsync($"ALTER DATABASE {new NpgsqlConnectionStringBuilder(connectionString).Database} ALLOW_CONNECTIONS true");

    public async ValueTask InitializeAsync()
    {
        string binaries = FindBinaries();
        string data = Path.Combine(_folder, "data");
        if (Environment.IsPrivilegedProcess)
            await RunAsync("chown", "postgres", _folder);
        await RunAsync([.. AsUser(), Path.Combine(binaries, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]);

        // The shell waits for its input to close, which the kernel does however this process ends: no server is left behind.
        const string UntilInputCloses = "\"$@\" & pid=$!; read -r _; kill -QUIT $pid; wait $pid";
        _server = Start(redirectInput: true, [.. AsUser(), "sh", "-c", UntilInputCloses, "sh", Path.Combine(binaries, "postgres"), "-D", data,
            "-k", _folder, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300"]);
        await WaitUntilItAnswersAsync();
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        if (_server is not null)
        {
            _server.StandardInput.Close();
            await _server.WaitForExitAsync();
            _server.Dispose();
        }
        Directory.Delete(_folder, recursive: true);
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
        await connection.OpenAsync();
        await using NpgsqlCommand command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private string ConnectionString(string database) => $"Host={_folder};Database={database};Username=postgres";

    private async Task WaitUntilItAnswersAsync()
    {
        var patience = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
                await connection.OpenAsync();
                return;
            }
            catch (NpgsqlException) when (patience.Elapsed < TimeSpan.FromSeconds(60) && !_server!.HasExited)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private static string[] AsUser() => Environment.IsPrivilegedProcess ? ["runuser", "-u", "postgres", "--"] : [];

    private static string FindBinaries()
    {
        IEnumerable<string> candidates = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => int.TryParse(Path.GetFileName(d), out int version) ? version : 0).Select(d => Path.Combine(d, "bin"))
            : [];
        return candidates.Append(PgConfigBinaries()).FirstOrDefault(d => File.Exists(Path.Combine(d, "initdb")))
            ?? throw new InvalidOperationException("PostgreSQL's server is not installed on this machine. ./test.sh installs it, or: apt-get install postgresql");
    }

    private static string PgConfigBinaries()
    {
        try
        {
            using Process process = Start(redirectInput: false, ["pg_config", "--bindir"]);
            return process.StandardOutput.ReadToEnd().Trim();
        }
        catch (Win32Exception)
        {
            return "";
        }
    }

    private static async Task RunAsync(params string[] command)
    {
        using Process process = Start(redirectInput: false, command);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {await output}{await error}");
    }

    private static Process Start(bool redirectInput, string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = redirectInput, RedirectStandardOutput = true, RedirectStandardError = true };
        Process process = Process.Start(start)!;
        if (redirectInput)
        {
            // A pipe that nobody reads fills up and stops the server.
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }
        return process;
    }
}
