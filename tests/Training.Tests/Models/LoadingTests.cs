using System.Text.Json.Nodes;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Generation;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

public class LoadingTests
{
    private static readonly int[] s_ids = [3, 17, 29, 5, 41, 8];

    [Theory]
    [InlineData(ScalarType.Float16, 1e-2)]
    [InlineData(ScalarType.BFloat16, 5e-2)]
    [InlineData(ScalarType.Float32, 0)]
    public void WeightsOfAnyType_Load(ScalarType type, double tolerance)
    {
        using var folder = new TemporaryFolder();
        Copy(folder.Path, _ => { });
        using (DisposeScope scope = NewDisposeScope())
        {
            using SafetensorsReader original = Golden.Tensors("families", "llama", "model.safetensors");
            SafetensorsWriter.Write(Path.Combine(folder.Path, "model.safetensors"),
                [.. original.Names.Select(n => KeyValuePair.Create(n, original.Read(n).to_type(type)))]);
        }

        IReadOnlyList<float> expected = Score(Golden.Path("families", "llama"), ComputeType.Float32), actual = Score(folder.Path, ComputeType.Float32);

        Assert.All(expected.Zip(actual), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, tolerance));
    }

    [Fact]
    public void Bfloat16Arithmetic_StaysNearFloat32()
    {
        IReadOnlyList<float> exact = Score(Golden.Path("families", "llama"), ComputeType.Float32), rounded = Score(Golden.Path("families", "llama"), ComputeType.Bfloat16);
        Assert.All(exact.Zip(rounded), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, 0.1));
    }

    [Fact]
    public void HeadThatConfigTies_IsTheCheckpointsOwn_WhereThatIsAnother()
    {
        const string head = "lm_head.weight", embedding = "model.embed_tokens.weight";
        using TemporaryFolder equal = new(), other = new();
        using (DisposeScope scope = NewDisposeScope())
        {
            using SafetensorsReader original = Golden.Tensors("families", "llama_tied_llama3rope", "model.safetensors");
            Dictionary<string, Tensor> tensors = original.Names.ToDictionary(n => n, original.Read);
            Tensor changed = tensors[embedding].flip(0);
            foreach ((TemporaryFolder folder, Tensor stored) in new[] { (equal, tensors[embedding].clone()), (other, changed) })
            {
                File.Copy(Golden.Path("families", "llama_tied_llama3rope", "config.json"), Path.Combine(folder.Path, "config.json"));
                SafetensorsWriter.Write(Path.Combine(folder.Path, "model.safetensors"), tensors.Append(KeyValuePair.Create(head, stored)));
            }
        }

        using CausalLanguageModel tied = CausalLanguageModel.Load(equal.Path, ComputeType.Float32), untied = CausalLanguageModel.Load(other.Path, ComputeType.Float32);
        Tensor[] sharedWeights = [.. tied.Adaptable.VocabularyMatrices.Select(m => m.Weight)], ownWeights = [.. untied.Adaptable.VocabularyMatrices.Select(m => m.Weight)];
        Assert.Equal(sharedWeights[0].Handle, sharedWeights[1].Handle);
        Assert.True(ownWeights[0].flip(0).eq(ownWeights[1]).all().ToBoolean());
        Assert.NotEqual(Score(equal.Path, ComputeType.Float32), Score(other.Path, ComputeType.Float32));
        Assert.Equal(Score(Golden.Path("families", "llama_tied_llama3rope"), ComputeType.Float32), Score(equal.Path, ComputeType.Float32));
    }

    [Theory]
    [InlineData("model_type", "\"mamba\"", "mamba")]
    [InlineData("hidden_act", "\"gelu\"", "gelu")]
    [InlineData("num_attention_heads", "0", "num_attention_heads")]
    [InlineData("hidden_size", "\"wide\"", "hidden_size")]
    [InlineData("vocab_size", "null", "vocab_size")]
    [InlineData("vocab_size", "7", "model.embed_tokens.weight")]
    [InlineData("num_hidden_layers", "99", "model.layers.")]
    [InlineData("rope_parameters", """{"rope_type": "spiral"}""", "spiral")]
    [InlineData("rope_parameters", """{"rope_type": "linear"}""", "factor")]
    [InlineData("quantization_config", """{"bits": 4}""", "quantization_config")]
    [InlineData("attention_bias", "1", "attention_bias")]
    public void ConfigThatCannotBeHonoured_IsRefusedByName(string field, string value, string named)
    {
        using var folder = new TemporaryFolder();
        Copy(folder.Path, config => config[field] = JsonNode.Parse(value));
        ModelFormatException refused = Assert.Throws<ModelFormatException>(() => CausalLanguageModel.Load(folder.Path, ComputeType.Float32));
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void PickleWeights_AreRefusedWithTheReason()
    {
        using var folder = new TemporaryFolder();
        Copy(folder.Path, _ => { });
        File.Move(Path.Combine(folder.Path, "model.safetensors"), Path.Combine(folder.Path, "pytorch_model.bin"));
        ModelFormatException refused = Assert.Throws<ModelFormatException>(() => CausalLanguageModel.Load(folder.Path, ComputeType.Float32));
        Assert.Contains("pickle", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map": {"a": "../other.safetensors"}}""", "../other.safetensors")]
    [InlineData("""{"weight_map": {"a": "missing.safetensors"}}""", "missing.safetensors")]
    [InlineData("{}", "weight_map")]
    public void IndexThatLeadsElsewhere_IsRefused(string index, string named)
    {
        using var folder = new TemporaryFolder();
        Copy(folder.Path, _ => { });
        File.Delete(Path.Combine(folder.Path, "model.safetensors"));
        File.WriteAllText(Path.Combine(folder.Path, "model.safetensors.index.json"), index);
        ModelFormatException refused = Assert.Throws<ModelFormatException>(() => CausalLanguageModel.Load(folder.Path, ComputeType.Float32));
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    private static IReadOnlyList<float> Score(string folder, ComputeType type)
    {
        using GenerationModel model = GenerationModel.Load(folder, null, type);
        return model.Score(s_ids);
    }

    private static void Copy(string folder, Action<JsonNode> change)
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(Golden.Path("families", "llama", "config.json")))!;
        change(config);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        File.Copy(Golden.Path("families", "llama", "model.safetensors"), Path.Combine(folder, "model.safetensors"));
    }
}
