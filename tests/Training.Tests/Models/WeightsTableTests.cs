using TrainingService.Tests;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;

namespace TrainingService.Training.Tests.Models;

/// <summary>docs/models.md says which weights are read.</summary>
public class WeightsTableTests
{
    private static readonly string[][] s_rows = [.. File.ReadLines(RepositoryRoot.PathOf("docs", "models.md"))
        .SkipWhile(l => l != "## Weights").TakeWhile(l => l != "## Not supported").Where(l => l.StartsWith("| ", StringComparison.Ordinal)).Skip(1)
        .Select(l => l.Split('|', StringSplitOptions.TrimEntries)[1..^1])];

    [Fact]
    public void TypesOfTheTable_AreThoseThatLoad()
    {
        string[] listed = [.. s_rows.SelectMany(r => r[0].Split(", ")).Where(t => t.All(c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c) || c == '_'))];
        Assert.Equal(ModelWeights.FloatingPointTypes.Order(), listed.Order());
        foreach (string type in listed)
        {
            using var folder = new TemporaryFolder();
            string path = Path.Combine(folder.Path, "model.safetensors");
            RawSafetensorsOf(path, type);
            using var weights = new ModelWeights(folder.Path, TorchSharp.torch.ScalarType.Float32, TorchSharp.torch.CPU);
            using TorchSharp.torch.Tensor read = weights.Read("a", 2);
            Assert.Equal(0, read.abs().sum().item<float>());
        }

        static void RawSafetensorsOf(string path, string type)
        {
            int bytes = type.StartsWith("F8", StringComparison.Ordinal) ? 1 : int.Parse(type.TrimStart('B', 'F'), System.Globalization.CultureInfo.InvariantCulture) / 8;
            Checkpoints.RawSafetensors.Write(path, $$"""{"a": {"dtype": "{{type}}", "shape": [2], "data_offsets": [0, {{2 * bytes}}]} }""", new byte[2 * bytes]);
        }
    }

    [Fact]
    public void MethodsOfTheTable_AreThoseThatAreNotRefused()
    {
        string refusal = Assert.Throws<ModelFormatException>(() => Load("""{"quant_method": "gptq"}""")).Message;
        foreach (string method in new[] { "bitsandbytes", "fp8", "compressed-tensors" })
        {
            Assert.Contains(method, refusal, StringComparison.Ordinal);
            Assert.Contains(s_rows, r => r[1] != "–" && r[2].Contains(method, StringComparison.Ordinal));
        }
        foreach (string method in s_rows.Single(r => r[0] == "other quantisations")[2].Split(", ").Where(m => m is "gptq" or "awq" || m.StartsWith("mxfp4", StringComparison.Ordinal)))
            Assert.Throws<ModelFormatException>(() => Load($$"""{"quant_method": "{{method.Split(' ')[0]}}"}"""));

        static void Load(string quantization)
        {
            using var folder = new ModelFolder("llama", config => config["quantization_config"] = System.Text.Json.Nodes.JsonNode.Parse(quantization));
            CausalLanguageModel.Load(folder.Path, Domain.Recipes.ComputeType.Float32).Dispose();
        }
    }
}
