using System.Text.Json;
using TrainingService.Domain.Models;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Training.Models;

namespace TrainingService.Training.Tests.Models;

/// <summary>docs/models.md says what the code does.</summary>
public class ModelTableTests
{
    private static readonly string[][] s_rows = [.. File.ReadLines(RepositoryRoot.PathOf("docs", "models.md"))
        .Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries))];

    private static string[] TypesOf(string[] row) => [.. row[0].Split(',', StringSplitOptions.TrimEntries).Select(t => t.Trim('`'))];

    [Fact]
    public void Rows_AreTheRegisteredArchitectures() => Assert.Equal(Architectures.ByModelType.Keys, s_rows.SelectMany(TypesOf));

    [Fact]
    public void Support_KnownWithoutTheEngine_IsTheRegisteredArchitectures() => Assert.Equal(Architectures.ByModelType.Keys, ModelSupport.ModelTypes);

    [Theory]
    [InlineData("bitsandbytes"), InlineData("fp8"), InlineData("compressed-tensors"), InlineData("gptq"), InlineData("awq"), InlineData("mxfp4"), InlineData("quanto"), InlineData(null)]
    public void Quantisations_KnownWithoutTheEngine_AreThoseThatItReads(string? method)
    {
        using var folder = new TemporaryFolder();
        string json = JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["model_type"] = "llama",
            ["quantization_config"] = new Dictionary<string, object?> { ["quant_method"] = method, ["load_in_4bit"] = method == "bitsandbytes", ["bnb_4bit_quant_type"] = "nf4", ["format"] = "float-quantized" },
        });
        File.WriteAllText(System.IO.Path.Combine(folder.Path, "config.json"), json);
        Exception? refusal = Record.Exception(() => StoredQuantization.Of(ModelConfig.Load(folder.Path)));
        Assert.Equal(refusal is null, ModelSupport.Problem(JsonElement.Parse(json)) is null);
    }

    [Fact]
    public void LinearLayers_AreThoseThatAnAdapterMayHave()
    {
        foreach (string family in Golden.Families)
        {
            using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32);
            string type = Golden.Json(Golden.Path("families", family, "config.json")).GetProperty("model_type").GetString()!;
            string[] names = [.. model.Adaptable.LinearLayers.Select(l => l.Name).Distinct()];
            Assert.Equal(names, s_rows.Single(r => TypesOf(r).Contains(type))[2].Split(',', StringSplitOptions.TrimEntries).Select(n => n.Trim('`')));
        }
    }

    [Fact]
    public void EveryArchitecture_HasItsGoldenFamilyAndRun()
    {
        HashSet<string> golden = [.. Golden.Families.Where(f => File.Exists(Golden.Path("training", "family_" + f, "run.json")))
            .Select(f => Golden.Json(Golden.Path("families", f, "config.json")).GetProperty("model_type").GetString()!)];
        Assert.Equal(Architectures.ByModelType.Keys, golden.Order(StringComparer.Ordinal));
    }
}
