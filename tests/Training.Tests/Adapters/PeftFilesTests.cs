using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Tests.Trainers;

namespace TrainingService.Training.Tests.Adapters;

public class PeftFilesTests
{
    public static TheoryData<string, string> Adapters => new()
    {
        { "loss_sigmoid", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"]}""" },
        { "all_linear_r4", """{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}""" },
        { "one_layer", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "layers_to_transform": [1]}""" },
        { "rslora", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "use_rslora": true}""" },
        { "dora", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "use_dora": true}""" },
        { "lora_bias_none_modules_to_save", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "modules_to_save": ["lm_head"]}""" },
        { "rank_pattern", """{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"v_proj": 4}}""" },
    };

    [Theory, MemberData(nameof(Adapters))]
    public void AdapterReadAndWritten_IsPefts_ByteForByte(string run, string config)
    {
        using var folder = new TemporaryFolder();
        string pefts = Golden.Path("training", run, "initial_adapter.safetensors");
        using LoraAdapter adapter = Read(folder.Path, config, pefts);

        PeftFiles.Write(adapter, folder.Path, "base");

        Assert.Equal(InPeftsFileNames(pefts), File.ReadAllBytes(Path.Combine(folder.Path, PeftFiles.WeightsFile)));
    }

    [Theory]
    [InlineData("gpt2", "attn.c_proj")]
    [InlineData("llama", "layers.0.self_attn.q_proj")]
    public void TargetsWithTheirParents_AreWrittenAsTheyWereGiven(string family, string target)
    {
        using var folder = new TemporaryFolder();
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32);
        using var adapter = new LoraAdapter(new() { TargetModules = [target] }, model.Adaptable, trains: false);
        adapter.Initialize(1);

        PeftFiles.Write(adapter, folder.Path, "base");

        Assert.Equal([target], PeftConfig.Read(folder.Path).TargetModules);
        using LoraAdapter loaded = PeftFiles.Load(folder.Path, model.Adaptable);
        Assert.Equal(adapter.Layers.Select(l => l.Layer.Path), loaded.Layers.Select(l => l.Layer.Path));
    }

    [Theory, MemberData(nameof(Adapters))]
    public void ConfigReadAndWritten_KeepsItsSettings(string run, string config)
    {
        using var folder = new TemporaryFolder();
        using LoraAdapter adapter = Read(folder.Path, config, Golden.Path("training", run, "initial_adapter.safetensors"));
        LoraRecipe before = adapter.Recipe;

        PeftFiles.Write(adapter, folder.Path, "some/base");
        LoraRecipe after = PeftConfig.Read(folder.Path);

        Assert.Equivalent(before with { TargetModules = [.. before.TargetModules.Order()] }, after with { TargetModules = [.. after.TargetModules.Order()] });
        JsonElement written = Golden.Json(Path.Combine(folder.Path, PeftFiles.ConfigFile));
        Assert.Equal("some/base", written.GetProperty("base_model_name_or_path").GetString());
        Assert.Equal("CAUSAL_LM", written.GetProperty("task_type").GetString());
        // vLLM reads lora_alpha as a whole number.
        Assert.DoesNotContain('.', written.GetProperty("lora_alpha").GetRawText());
    }

    [Theory]
    [InlineData("""{"peft_type": "IA3"}""", "IA3")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "use_dora": true}""", "lora_magnitude_vector")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "modules_to_save": ["lm_head"]}""", "lm_head")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "modules_to_save": ["score"]}""", "embed_tokens and lm_head")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "modules_to_save": ["lm_head"], "ensure_weight_tying": true}""", "ensure_weight_tying")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "bias": "all"}""", "bias")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "lora_bias": true}""", "lora_bias")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "init_lora_weights": "pissa_niter_4"}""", "path_initial_model_for_weight_conversion")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": "q_proj"}""", "model.layers.0.self_attn.q_proj")]
    [InlineData("""{"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ".*(q_proj"}""", "regular expression")]
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

    private static byte[] InPeftsFileNames(string path)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var reader = new SafetensorsReader(path);
        if (!reader.Names.Any(n => n != GoldenRunTests.PeftsName(n))) return File.ReadAllBytes(path);
        string renamed = Path.Combine(folder.Path, "renamed.safetensors");
        SafetensorsWriter.Write(renamed, [.. reader.Names.Select(n => KeyValuePair.Create(GoldenRunTests.PeftsName(n), reader.Read(n)))]);
        return File.ReadAllBytes(renamed);
    }

    private static LoraAdapter Read(string folder, string config, string weights)
    {
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("training", "model"), ComputeType.Float32, torch.CPU);
        File.WriteAllText(Path.Combine(folder, PeftFiles.ConfigFile), config);
        File.Copy(weights, Path.Combine(folder, PeftFiles.WeightsFile), overwrite: true);
        return PeftFiles.Load(folder, model.Adaptable);
    }
}
