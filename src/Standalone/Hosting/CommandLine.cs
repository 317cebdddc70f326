using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace TrainingService.Standalone.Hosting;

/// <summary>What the command line asks for.</summary>
/// <param name="Demo">Run the main job with the sample model and exit.</param>
/// <param name="DataFolder">Where records and files lie.</param>
/// <param name="ModelsFolder">Where models are looked for.</param>
/// <param name="Port">Port on the loopback address; 0 takes a free one.</param>
/// <param name="Help">Show the usage and exit.</param>
internal sealed record CommandLine(bool Demo, string DataFolder, string ModelsFolder, int Port, bool Help)
{
    public const string Usage = """
        The training service in one process: SQLite, an in-memory queue and a local file store.

          --demo          train the sample model on the sample preferences through the service's own API, then exit
          --data DIR      folder of records and files      (data; with --demo data/demo)
          --models DIR    folder of models in Hugging Face's form, and of PEFT adapters      (models)
          --port N        port on localhost      (5080; with --demo a free one)
        """;

    /// <summary>Reads the arguments; on a problem says which one and why.</summary>
    public static bool TryParse(string[] args, out CommandLine command, [NotNullWhen(false)] out string? problem)
    {
        bool demo = args.Contains("--demo");
        command = new(demo, demo ? Path.Combine("data", "demo") : "data", "models", demo ? 0 : 5080, args.Contains("--help") || args.Contains("-h"));
        problem = null;
        for (int i = 0; i < args.Length && problem is null; i++)
        {
            string? value = i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal) ? args[i + 1] : null;
            switch (args[i])
            {
                case "--demo" or "--help" or "-h":
                    continue;
                case "--data" or "--models" or "--port" when value is null:
                    problem = $"{args[i]} needs a value.";
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
                default:
                    problem = $"There is no option '{args[i]}'.";
                    break;
            }
            i++;
        }
        return problem is null;
    }
}
