using System.Globalization;
using TrainingService.Domain.Recipes;

namespace TrainingService.Benchmarks;

/// <summary>What is trained in a benchmark.</summary>
internal sealed record BenchmarkOptions
{
    public const string Usage = """
        dotnet run -c Release --project benchmarks -- [options]
          --model FOLDER       a model folder in Hugging Face's form; samples/demo-model when absent
          --shape P:C:R        tokens of prompt, chosen and rejected; 512:128:128 when absent
          --mixed              lengths of real rows instead of one shape
          --pairs N            pairs a step; 2 when absent
          --steps N            steps that are timed; 6 when absent
          --dtype bfloat16|float32
          --epochs N           epochs that the reference's pass is shared by; 3 when absent
          --pack-tokens N      most tokens a pack; the trainer's choice when absent
          --compare padded     trains the padded way too, in a process of its own
          --way packed|padded  which way this process trains; packed when absent
          --json               one JSON object instead of text
        """;

    // Tokens of prompt, chosen and rejected of 24 rows of a public preference data set.
    private static readonly PairShape[] s_mixed =
    [
        new(103, 193, 417), new(96, 122, 516), new(160, 167, 746), new(107, 160, 268), new(420, 213, 634), new(257, 3, 237),
        new(99, 432, 687), new(109, 595, 571), new(93, 296, 306), new(110, 55, 233), new(95, 153, 407), new(146, 128, 289),
        new(83, 289, 480), new(170, 224, 525), new(119, 136, 97), new(103, 193, 417), new(96, 122, 516), new(160, 167, 746),
        new(107, 160, 268), new(420, 213, 634), new(257, 3, 237), new(99, 432, 687), new(109, 595, 571), new(93, 296, 306),
    ];

    public string Model { get; init; } = DemoModel();

    public PairShape Shape { get; init; } = new(512, 128, 128);

    public bool Mixed { get; init; }

    public int Pairs { get; init; } = 2;

    public int Steps { get; init; } = 6;

    public ComputeType Dtype { get; init; } = ComputeType.Bfloat16;

    public int Epochs { get; init; } = 3;

    public int? PackTokens { get; init; }

    public bool ComparesPadded { get; init; }

    public bool Padded { get; init; }

    public bool Json { get; init; }

    /// <summary>The shape of each pair, step by step.</summary>
    public IReadOnlyList<PairShape> Shapes => [.. Enumerable.Range(0, Pairs * Steps).Select(i => Mixed ? s_mixed[i % s_mixed.Length] : Shape)];

    /// <exception cref="FormatException">An option is unknown or lacks its value.</exception>
    public static BenchmarkOptions Parse(string[] arguments)
    {
        var options = new BenchmarkOptions();
        var left = new Queue<string>(arguments);
        while (left.TryDequeue(out string? name))
        {
            options = name switch
            {
                "--model" => options with { Model = Value() },
                "--shape" => options with { Shape = PairShape.Parse(Value()) },
                "--mixed" => options with { Mixed = true },
                "--pairs" => options with { Pairs = Count() },
                "--steps" => options with { Steps = Count() },
                "--dtype" => options with { Dtype = WireNames.Parse<ComputeType>(Value()) ?? throw new FormatException("--dtype takes bfloat16 or float32.") },
                "--epochs" => options with { Epochs = Count() },
                "--pack-tokens" => options with { PackTokens = Count() },
                "--compare" => Value() == "padded" ? options with { ComparesPadded = true } : throw new FormatException("--compare takes padded."),
                "--way" => options with { Padded = Value() is var way && (way == "padded" || (way == "packed" ? false : throw new FormatException("--way takes packed or padded."))) },
                "--json" => options with { Json = true },
                _ => throw new FormatException($"There is no option {name}."),
            };

            string Value() => left.TryDequeue(out string? value) ? value : throw new FormatException($"{name} lacks its value.");

            int Count() => int.TryParse(Value(), NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
                ? count : throw new FormatException($"{name} takes a whole number above 0.");
        }
        return options;
    }

    private static string DemoModel()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TrainingService.sln"))) folder = folder.Parent;
        return Path.Combine(folder?.FullName ?? "", "samples", "demo-model");
    }
}

/// <summary>Tokens of a pair's prompt and completions.</summary>
internal readonly record struct PairShape(int Prompt, int Chosen, int Rejected)
{
    public static PairShape Parse(string text)
    {
        int[] parts = [.. text.Split(':').Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0)];
        return parts is [> 0, > 0, > 0] ? new(parts[0], parts[1], parts[2]) : throw new FormatException($"--shape is {text}; three whole numbers such as 512:128:128 are expected.");
    }

    public override string ToString() => $"{Prompt}:{Chosen}:{Rejected}";
}
