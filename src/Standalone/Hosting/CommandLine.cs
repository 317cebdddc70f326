using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace TrainingService.Standalone.Hosting;

/// <summary>What the command line asks for.</summary>
/// <param name="Demo">Run the main job with the sample model and exit.</param>
/// <param name="Reproduce">Manifest of a job to run again, or null.</param>
/// <param name="DataFolder">Where records and files lie.</param>
/// <param name="ModelsFolder">Where models are looked for.</param>
/// <param name="Listen">The address to listen on.</param>
/// <param name="Port">Port there; 0 takes a free one.</param>
/// <param name="Keys">What follows <c>keys</c>, the data folder left out; null when keys are not the matter.</param>
/// <param name="Help">Show the usage and exit.</param>
internal sealed record CommandLine(bool Demo, string? Reproduce, string DataFolder, string ModelsFolder, IPAddress Listen, int Port, string[]? Keys, bool Help)
{
    public const string Usage = """
        The training service in one process: SQLite, an in-memory queue and a local file store.

          --demo          train the sample model on the sample preferences through the service's own API, then exit
          --reproduce MANIFEST
                          run the job of a manifest.json again, say whether the same adapter comes out, then exit; files of rows
                          are found by their content beside the manifest and in the data folder
          --data DIR      folder of records and files      (data; with --demo data/demo)
          --models DIR    folder of models in Hugging Face's form, and of PEFT adapters      (models)
          --port N        port      (5080; with --demo a free one)
          --listen ADDR   IP address to listen on; any but the loopback address takes keys      (127.0.0.1)

        Keys, in the same data folder:

          keys create --role ROLE --owner NAME [--data DIR]    make a key and show it, once; ROLE is admin, user or read_only
          keys list [--data DIR]                               show all keys, without their secrets
          keys revoke ID [--data DIR]                          end a key

        """;

    /// <summary>Reads the arguments; on a problem says which one and why.</summary>
    public static bool TryParse(string[] args, out CommandLine command, [NotNullWhen(false)] out string? problem)
    {
        bool demo = args.Contains("--demo");
        command = new(demo, null, demo ? Path.Combine("data", "demo") : "data", "models", IPAddress.Loopback, demo ? 0 : 5080, null, args.Contains("--help") || args.Contains("-h"));
        problem = null;
        if (args is ["keys", .. string[] rest])
        {
            int at = Array.IndexOf(rest, "--data");
            command = at >= 0 && at + 1 < rest.Length
                ? command with { DataFolder = rest[at + 1], Keys = [.. rest[..at], .. rest[(at + 2)..]] }
                : command with { Keys = rest };
            return true;
        }
        for (int i = 0; i < args.Length && problem is null; i++)
        {
            string? value = i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal) ? args[i + 1] : null;
            switch (args[i])
            {
                case "--demo" or "--help" or "-h":
                    continue;
                case "--reproduce" or "--data" or "--models" or "--port" or "--listen" when value is null:
                    problem = $"{args[i]} needs a value.";
                    break;
                case "--reproduce":
                    command = command with { Reproduce = value };
                    if (!File.Exists(value)) problem = $"--reproduce is {value}, which is no file; a job's manifest.json is expected.";
                    break;
                case "--data":
                    command = command with { DataFolder = value };
                    break;
                case "--models":
                    command = command with { ModelsFolder = value };
                    if (!Directory.Exists(value)) problem = $"--models is {value}, which is no folder.";
                    break;
                case "--port":
                    if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port <= ushort.MaxValue) command = command with { Port = port };
                    else problem = $"--port is {value}; a number from 0 to 65535 is expected.";
                    break;
                case "--listen":
                    if (IPAddress.TryParse(value, out IPAddress? address)) command = command with { Listen = address };
                    else problem = $"--listen is {value}; an IP address is expected, such as 0.0.0.0 for all of this machine's.";
                    break;
                default:
                    problem = $"There is no option '{args[i]}'.";
                    break;
            }
            i++;
        }
        if (demo && !IPAddress.IsLoopback(command.Listen)) problem ??= "--demo runs on the loopback address; leave --listen out.";
        return problem is null;
    }
}
