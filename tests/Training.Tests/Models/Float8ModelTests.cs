using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

/// <summary>Models whose linear layers are stored in 8 bits compute what the dequantised model computes.</summary>
public class Float8ModelTests
{
    private const string Tensorwise = """{"quant_method": "fp8", "activation_scheme": "static", "ignored_layers": ["lm_head"], "kv_cache_scheme": null}""";
    private const string Blockwise = """{"quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3", "modules_to_not_convert": ["lm_head"], "weight_block_size": [32, 32]}""";
    private const string Channelwise = """
        {"quant_method": "compressed-tensors", "format": "float-quantized", "ignore": ["lm_head"], "kv_cache_scheme": null, "quantization_status": "compressed",
         "config_groups": {"group_0": {"targets": ["Linear"], "input_activations": {"num_bits": 8, "dynamic": true}, "output_activations": null,
         "weights": {"num_bits": 8, "type": "float", "strategy": "channel", "symmetric": true, "dynamic": false, "block_structure": null, "group_size": null}}}}
        """;

    public static TheoryData<string, string, string, string, ComputeType> Forms => new()
    {
        { "llama", "F8_E4M3", "tensor", Tensorwise, ComputeType.Float32 },
        { "llama", "F8_E5M2", "scalar", Tensorwise, ComputeType.Float32 },
        { "qwen3", "F8_E4M3", "block", Blockwise, ComputeType.Float32 },
        { "qwen3", "F8_E4M3", "block", Blockwise, ComputeType.Bfloat16 },
        { "qwen3_moe", "F8_E4M3", "block", Blockwise, ComputeType.Float32 },
        { "llama", "F8_E4M3", "channel", Channelwise, ComputeType.Float32 },
        { "phi3", "F8_E5M2", "channel", Channelwise, ComputeType.Bfloat16 },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Fp8Model_EqualsTheDequantisedModel(string family, string type, string form, string config, ComputeType computeType)
    {
        using QuantizedFolder stored = Folder(dequantized: false), numbers = Folder(dequantized: true);
        using DisposeScope scope = NewDisposeScope();
        Tensor expected = Nf4ModelTests.Logits(numbers.Path, computeType), actual = Nf4ModelTests.Logits(stored.Path, computeType);
        Assert.True(expected.isfinite().all().item<bool>());
        Assert.NotEqual(0, expected.@float().std().item<float>());
        Assert.Equal(0, Golden.Difference(expected, actual));

        QuantizedFolder Folder(bool dequantized) => QuantizedFolder.ToFloat8(Golden.Path("families", family), type, (rows, columns) => form switch
        {
            "tensor" => [1],
            "scalar" => [],
            "channel" => [rows, 1],
            _ => [(rows + 31) / 32, (columns + 31) / 32],
        }, form == "block" ? "_scale_inv" : "_scale", config, dequantized);
    }

    [Fact]
    public void Fp8Model_MayBeLoadedIn4Bit()
    {
        using QuantizedFolder stored = Folder(dequantized: false), numbers = Folder(dequantized: true);
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(0, Golden.Difference(Nf4ModelTests.Logits(numbers.Path, ComputeType.Float32, loadIn4Bit: true), Nf4ModelTests.Logits(stored.Path, ComputeType.Float32, loadIn4Bit: true)));

        static QuantizedFolder Folder(bool dequantized) => QuantizedFolder.ToFloat8(Golden.Path("families", "llama"), "F8_E4M3", (_, _) => [1], "_scale", Tensorwise, dequantized);
    }

    [Theory]
    [InlineData("""{"quant_method": "gptq", "bits": 4}""", "gptq")]
    [InlineData("""{"quant_method": "awq", "bits": 4}""", "awq")]
    [InlineData("""{"quant_method": "mxfp4"}""", "mxfp4")]
    [InlineData("""{"bits": 4}""", "quant_method")]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_8bit": true}""", "load_in_8bit")]
    [InlineData("""{"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "fp4"}""", "fp4")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "pack-quantized"}""", "pack-quantized")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "int"}}}}""", "config_groups")]
    [InlineData("""{"quant_method": "compressed-tensors", "format": "float-quantized", "transform_config": {"R1": {}}}""", "transform_config")]
    [InlineData("""{"quant_method": "fp8", "weight_block_size": [32, 16]}""", "model.layers.0")]
    [InlineData("""{"quant_method": "fp8", "weight_block_size": [0, 16]}""", "weight_block_size")]
    public void QuantisationThatIsNotSupported_IsRefusedByName(string config, string named)
    {
        using QuantizedFolder stored = QuantizedFolder.ToFloat8(Golden.Path("families", "llama"), "F8_E4M3", (rows, columns) => [rows / 32, columns / 32], "_scale_inv", config, dequantized: false);
        ModelFormatException refused = Assert.Throws<ModelFormatException>(() => CausalLanguageModel.Load(stored.Path, ComputeType.Float32));
        Assert.Contains(named, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fp8WeightWithoutItsScale_IsRefused()
    {
        using QuantizedFolder stored = QuantizedFolder.ToFloat8(Golden.Path("families", "llama"), "F8_E4M3", (_, _) => [1], "_other", Tensorwise, dequantized: false);
        Assert.Contains("_scale", Assert.Throws<ModelFormatException>(() => CausalLanguageModel.Load(stored.Path, ComputeType.Float32)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WholeNumbersForWeights_AreRefused()
    {
        using var stored = new QuantizedFolder(Golden.Path("families", "llama"), null, (name, weight) => [(name, weight.mul(100).to_type(ScalarType.Int32))]);
        Assert.Contains("I32", Assert.Throws<ModelFormatException>(() => CausalLanguageModel.Load(stored.Path, ComputeType.Float32)).Message, StringComparison.Ordinal);
    }
}
