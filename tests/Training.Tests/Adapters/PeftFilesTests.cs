using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Models;

namespace TrainingService.Training.Tests.Adapters;

public class PeftFilesTests
{
    public static TheoryData<string, string> Adapters => new()
    {
        { "loss_sigmoid", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}""" },
        { "all_linear_r4", """{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}""" },
        { "one_layer", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1]}""" },
        { "rank_pattern", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"v_proj": 4}}""" },
    };

    [Theory, MemberData(nameof(Adapters))]
    public void AdapterReadAndWritten_IsPefts_ByteForByte(string run, string config)
    {
        using var folder = new TemporaryFolder();
        string pefts = Golden.Path("training", run, "initial_adapter.safetensors");
        using LoraAdapter adapter = Read(folder.Path, config, pefts);

        PeftFiles.Write(adapter, folder.Path, "base");

        Assert.Equal(File.ReadAllBytes(pefts), File.ReadAllBytes(Path.Combine(folder.Path, PeftFiles.WeightsFile)));
    }

    [Theory, MemberData(nameof(Adapters))]
    public void ConfigReadAndWritten_KeepsItsSettings(string run, string config)
    {
        using var folder = new TemporaryFolder();
        using LoraAdapter adapter = Read(folder.Path, config, Golden.Path("training", run, "initial_adapter.safetensors"));
        LoraRecipe before = adapter.Recipe;

        PeftFiles.Write(adapter, folder.Path, "some/base");
        LoraRecipe after = PeftFiles.ReadRecipe(folder.Path);

        Assert.Equivalent(before with { TargetModules = [.. before.TargetModules.Order()] }, after with { TargetModules = [.. after.TargetModules.Order()] });
        JsonElement written = Golden.Json(Path.Combine(folder.Path, PeftFiles.ConfigFile));
        Assert.Equal("some/base", written.GetProperty("base_model_name_or_path").GetString());
        Assert.Equal("CAUSAL_LM", written.GetProperty("task_type").GetString());
        // vLLM reads lora_alpha as a whole number.
        Assert.DoesNotContain('.', written.GetProperty("lora_alpha").GetRawText());
    }

    [Theory]
    [InlineData("""{"peft_type": "IA3"}""", "IA3")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "use_dora": true}""", "use_dora")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}""", "modules_to_save")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["nonsense"]}""", "nonsense")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "target_modules": ["q_proj"]}""", "adapter_config.json")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]}""", "v_proj")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj", "o_proj"]}""", "o_proj")]
    [InlineData("""{"peft_type": "LORA", "r": 4, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}""", "shape")]
    [InlineData("not json", "adapter_config.json")]
    public void UnusableAdapter_IsRefusedByName(string config, string named)
    {
        using var folder = new TemporaryFolder();
        ModelFormatException refused = Assert.Throws<ModelFormatException>(() =>
            Read(folder.Path, config, Golden.Path("training", "loss_sigmoid", "initial_adapter.safetensors")));
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    private static LoraAdapter Read(string folder, string config, string weights)
    {
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("training", "model"), ComputeType.Float32, torch.CPU);
        File.WriteAllText(Path.Combine(folder, PeftFiles.ConfigFile), config);
        var adapter = new LoraAdapter(PeftFiles.ReadRecipe(folder), model.LinearLayers, torch.CPU, trains: false);
        PeftFiles.ReadWeights(adapter, weights);
        return adapter;
    }
}
