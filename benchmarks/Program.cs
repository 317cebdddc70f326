using System.Diagnostics;
using System.Text.Json;
using TrainingService.Benchmarks;
using TrainingService.Domain.Recipes;

try
{
    BenchmarkOptions options = BenchmarkOptions.Parse(args);
    return options.Padded ? Padded(options) : Packed(options);
}
catch (FormatException exception)
{
    Console.Error.WriteLine(exception.Message);
    Console.Error.WriteLine(BenchmarkOptions.Usage);
    return 2;
}

static int Padded(BenchmarkOptions options)
{
    Measurement padded = PaddedWay.Measure(options);
    if (options.Json) Console.WriteLine(JsonSerializer.Serialize(padded));
    else Print(padded);
    return 0;
}

static int Packed(BenchmarkOptions options)
{
    Measurement packed = PackedWay.Measure(options);
    ArithmeticFloor floor = ArithmeticFloor.Measure(options);
    Measurement? padded = options.ComparesPadded ? InProcessOfItsOwn(options) : null;
    double share = packed.PairsPerSecond / floor.PairsPerSecond;
    double? faster = packed.PairsPerSecond / padded?.PairsPerSecond, smaller = padded?.PeakMebibytes / packed.PeakMebibytes;
    bool agrees = padded is null || Agree(packed, padded, options.Dtype);
    if (options.Json)
    {
        Console.WriteLine(JsonSerializer.Serialize(new { packed, floor, share, padded, faster, smaller, agrees }));
        return agrees ? 0 : 1;
    }
    Console.WriteLine($"{options.Model}, {(options.Mixed ? "mixed lengths" : options.Shape)}, {options.Pairs} pairs a step, {WireNames.Of(options.Dtype)}, reference shared by {options.Epochs} epochs");
    Print(packed);
    Console.WriteLine($"floor    {floor.PairsPerSecond:f3} pairs/s at {floor.TeraflopsPerSecond:f3} TFLOP/s; packed reaches {share:p0} of it");
    if (padded is not null)
    {
        Print(padded);
        Console.WriteLine($"packed is {faster:f2} times as fast in 1/{smaller:f2} of the memory; losses {(agrees ? "agree" : "DISAGREE")}");
    }
    return agrees ? 0 : 1;
}

static void Print(Measurement m)
{
    double At(double share) => Measurement.Quantile(m.StepSeconds, share);
    Console.WriteLine($"{m.Way}   {m.PairsPerSecond:f3} pairs/s, {m.TokensPerSecond:f0} tokens/s, peak {m.PeakMebibytes:f0} MiB; step p10 {At(0.1):f3} p50 {At(0.5):f3} p90 {At(0.9):f3} s, reference {m.ReferenceSeconds:f3} s");
    Console.WriteLine($"         logps {m.LogpsChosen:f3} {m.LogpsRejected:f3}; losses {string.Join(' ', m.Losses.Take(4).Select(l => l.ToString("f5")))}");
}

// Peak memory is a process's, and what one way leaves in the allocator would serve the other.
static Measurement InProcessOfItsOwn(BenchmarkOptions options)
{
    var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true };
    foreach (string argument in (string[])["--way", "padded", "--json", "--model", options.Model, "--pairs", $"{options.Pairs}", "--steps", $"{Math.Min(options.Steps, 3)}",
        "--shape", $"{options.Shape}", "--dtype", WireNames.Of(options.Dtype), .. options.Mixed ? ["--mixed"] : Array.Empty<string>()])
        start.ArgumentList.Add(argument);
    using Process process = Process.Start(start)!;
    string output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return process.ExitCode == 0 ? JsonSerializer.Deserialize<Measurement>(output)! : throw new InvalidOperationException($"The padded way failed with exit code {process.ExitCode}.");
}

// A fresh adapter's first loss is ln 2 whatever the model does, so the log-probabilities behind it are compared too.
static bool Agree(Measurement packed, Measurement padded, ComputeType dtype)
{
    double tolerance = dtype == ComputeType.Float32 ? 1e-4 : 5e-3;
    return Near(packed.LogpsChosen, padded.LogpsChosen) && Near(packed.LogpsRejected, padded.LogpsRejected) && Near(packed.Losses[0], padded.Losses[0]);

    bool Near(double a, double b) => Math.Abs(a - b) <= tolerance * Math.Abs(b);
}
