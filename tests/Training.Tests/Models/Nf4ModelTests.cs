using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Trainers;
using TrainingService.Training.Tests.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

/// <summary>Models whose linear layers are NF4 compute, to the last bit, what the dequantised model computes.</summary>
public class Nf4ModelTests
{
    [Theory]
    [InlineData("llama", ComputeType.Float32)]
    [InlineData("llama", ComputeType.Bfloat16)]
    [InlineData("gpt2", ComputeType.Float32)]
    [InlineData("gpt_neox", ComputeType.Float32)]
    [InlineData("phi3", ComputeType.Float32)]
    [InlineData("mixtral", ComputeType.Float32)]
    [InlineData("qwen3_moe", ComputeType.Float32)]
    public void ModelLoadedIn4Bit_EqualsTheDequantisedModel(string family, ComputeType type)
    {
        string source = Golden.Path("families", family);
        using QuantizedFolder rounded = QuantizedFolder.RoundedToNf4(source, type == ComputeType.Float32 ? ScalarType.Float32 : ScalarType.BFloat16);
        using DisposeScope scope = NewDisposeScope();
        Tensor original = Logits(source, type), expected = Logits(rounded.Path, type), actual = Logits(source, type, loadIn4Bit: true);
        Assert.Equal(0, Golden.Difference(expected, actual));
        Assert.NotEqual(0, Golden.Difference(original, actual));
    }

    [Theory]
    [InlineData("llama", true)]
    [InlineData("llama", false)]
    [InlineData("gpt2", true)]
    [InlineData("mixtral", true)]
    public void ModelSavedByBitsandbytes_EqualsTheOneQuantisedHere(string family, bool doubleQuant)
    {
        string source = Golden.Path("families", family);
        using QuantizedFolder saved = QuantizedFolder.Bitsandbytes(source, doubleQuant);
        using DisposeScope scope = NewDisposeScope();
        Assert.Equal(0, Golden.Difference(Logits(source, ComputeType.Float32, loadIn4Bit: true), Logits(saved.Path, ComputeType.Float32)));
    }

    [Fact]
    public void TrainingOnNf4_EqualsTrainingOnTheDequantisedModel()
    {
        using var folder = new TemporaryFolder();
        using QuantizedFolder rounded = QuantizedFolder.RoundedToNf4(Golden.Path("training", "model"));
        JsonElement golden = Golden.Json(Golden.Path("training", "all_linear_r4", "run.json"));
        TrainerRun run = GoldenRunTests.RunOf("all_linear_r4", golden, folder.Path);
        (RecordingObserver Seen, string Adapter) expected = Train(run with { ModelFolder = rounded.Path }, "expected"), actual = Train(run with { Recipe = run.Recipe with { LoadIn4Bit = true } }, "actual"), dense = Train(run, "dense");

        Assert.Equal(expected.Seen.Metrics.Count, actual.Seen.Metrics.Count);
        foreach ((var e, var a) in expected.Seen.Metrics.Zip(actual.Seen.Metrics)) Assert.Equal(e.Values, a.Values);
        Assert.Equal(File.ReadAllBytes(expected.Adapter), File.ReadAllBytes(actual.Adapter));
        Assert.NotEqual(File.ReadAllBytes(dense.Adapter), File.ReadAllBytes(actual.Adapter));

        (RecordingObserver, string) Train(TrainerRun run, string name)
        {
            using var trainer = new Trainer(run, TimeProvider.System);
            var observer = new RecordingObserver();
            trainer.Run(observer);
            trainer.SaveAdapter(Path.Combine(folder.Path, name));
            return (observer, Path.Combine(folder.Path, name, "adapter_model.safetensors"));
        }
    }

    internal static Tensor Logits(string folder, ComputeType type, bool loadIn4Bit = false)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using CausalLanguageModel model = CausalLanguageModel.Load(folder, type, CPU, loadIn4Bit);
        Tensor ids = arange(24).remainder_(model.VocabularySize);
        using var tape = new Tape(records: false);
        Tensor hidden = model.Norm(tape, model.Forward(tape, ids, arange(24), new PackedAttention([new PairSpan(0, 24, 0, 0)]), adapter: null)).Value;
        return model.Head.Logits(hidden, adapter: null).MoveToOuterDisposeScope();
    }
}
