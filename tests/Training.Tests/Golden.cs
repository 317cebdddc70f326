using System.Text.Json;
using TrainingService.Tests;
using TrainingService.Training.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests;

/// <summary>Numbers computed by transformers, TRL and PEFT, in tests/golden.</summary>
internal static class Golden
{
    /// <summary>A path below tests/golden.</summary>
    public static string Path(params string[] parts) => RepositoryRoot.PathOf(["tests", "golden", .. parts]);

    /// <summary>The models of tests/golden/families.</summary>
    public static IEnumerable<string> Families => Directory.GetDirectories(Path("families")).Select(d => System.IO.Path.GetFileName(d)!).Order();

    /// <summary>A path in the shared folder beside the repository; skips the test when it is absent.</summary>
    public static string Shared(params string[] parts) => RepositoryRoot.SharedPath(parts);

    /// <summary>A JSON file.</summary>
    public static JsonElement Json(string path) => JsonDocument.Parse(File.ReadAllBytes(path)).RootElement.Clone();

    /// <summary>The largest absolute difference.</summary>
    public static double Difference(Tensor a, Tensor b) => (a.to_type(ScalarType.Float64) - b.to_type(ScalarType.Float64)).abs().max().item<double>();

    /// <summary>Opens a safetensors file.</summary>
    public static SafetensorsReader Tensors(params string[] parts) => new(Path(parts));
}
