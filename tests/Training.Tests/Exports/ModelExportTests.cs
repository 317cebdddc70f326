using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Exports;
using TrainingService.Training.Generation;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Exports;

public class ModelExportTests(ITestOutputHelper output)
{
    private static readonly int[] s_text = [3, 5, 8, 13, 21, 34, 55, 89, 7, 11];

    public static TheoryData<string> Families => [.. Golden.Families];

    [Theory]
    [MemberData(nameof(Families))]
    public void MergedModel_IsThePolicy(string family)
    {
        LoraRecipe plain = new() { Rank = 3, Alpha = 5, TargetModules = ["all-linear"] };
        (string, LoraRecipe)[] variants =
        [
            ("plain", plain with { UseRsLora = true, AlphaPattern = new Dictionary<string, double> { ["o_proj"] = 2, ["c_proj"] = 2 } }),
            ("DoRA", plain with { UseDora = true }),
            ("embedding and head", plain with { ModulesToSave = ["all"] }),
        ];
        foreach ((string name, LoraRecipe recipe) in variants)
        {
            using var folder = new TemporaryFolder();
            string adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
            RandomAdapter.Write(Golden.Path("families", family), adapter, recipe);

            ModelExport.WriteMerged(Golden.Path("families", family), adapter, merged, cancellationToken: TestContext.Current.CancellationToken);

            float[] policy = Score(Golden.Path("families", family), adapter), alone = Score(merged, null), frozen = Score(Golden.Path("families", family), null);
            double differ = Largest(policy, alone);
            output.WriteLine($"{family}, {name}: largest difference {differ:g3}; the adapter changes {Largest(policy, frozen):g3}");
            Assert.InRange(differ, 0, Rounding(policy));
            Assert.InRange(Largest(policy, frozen), 1e-2, double.MaxValue);
        }
    }

    [Theory]
    [InlineData("embed_tokens")]
    [InlineData("lm_head")]
    public void OneOfTiedMatrices_TrainedAlone_IsUntied(string saved)
    {
        using var folder = new TemporaryFolder();
        string model = Golden.Path("families", "llama_tied_llama3rope"), adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
        RandomAdapter.Write(model, adapter, new() { ModulesToSave = [saved] });

        ModelExport.WriteMerged(model, adapter, merged, cancellationToken: TestContext.Current.CancellationToken);

        Assert.False(Golden.Json(Path.Combine(merged, "config.json")).GetProperty("tie_word_embeddings").GetBoolean());
        float[] policy = Score(model, adapter);
        Assert.InRange(Largest(policy, Score(merged, null)), 0, Rounding(policy));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("embed_tokens")]
    [InlineData("lm_head")]
    public void HeadOfACheckpointThatSaysItIsTied_StaysItsOwn(string? saved)
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "model"), adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
        using DisposeScope scope = NewDisposeScope();
        WriteFamily("llama_tied_llama3rope", model, reader => [new("lm_head.weight", reader.Read("model.embed_tokens.weight").flip(0))]);
        RandomAdapter.Write(model, adapter, new() { ModulesToSave = saved is null ? [] : [saved] });

        ModelExport.WriteMerged(model, adapter, merged, cancellationToken: TestContext.Current.CancellationToken);

        Assert.False(Golden.Json(Path.Combine(merged, "config.json")).GetProperty("tie_word_embeddings").GetBoolean());
        float[] policy = Score(model, adapter);
        Assert.InRange(Largest(policy, Score(merged, null)), 0, Rounding(policy));
    }

    /// <summary>Writes a family's checkpoint with more tensors.</summary>
    private static void WriteFamily(string family, string folder, Func<SafetensorsReader, IEnumerable<KeyValuePair<string, Tensor>>> more)
    {
        Directory.CreateDirectory(folder);
        File.Copy(Golden.Path("families", family, "config.json"), Path.Combine(folder, "config.json"));
        using SafetensorsReader reader = Golden.Tensors("families", family, "model.safetensors");
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), [.. reader.Names.Select(n => KeyValuePair.Create(n, reader.Read(n))), .. more(reader)]);
    }

    /// <summary>Log-probabilities of random models go to −20, where a unit of float32 is 2e-6.</summary>
    private static double Rounding(float[] logProbs) => 1e-5 * Math.Max(1, logProbs.Max(Math.Abs) / 5);

    [Fact]
    public void Shards_AreBoundedAndIndexed_AndTokenizerFilesComeAlong()
    {
        using var folder = new TemporaryFolder();
        string model = Golden.Path("training", "model"), adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
        RandomAdapter.Write(model, adapter, new());
        List<ExportProgress> told = [];

        ModelExport.WriteMerged(model, adapter, merged, new Told(told), shardBytes: 130_000, TestContext.Current.CancellationToken);

        JsonElement index = Golden.Json(Path.Combine(merged, "model.safetensors.index.json"));
        string[] files = [.. index.GetProperty("weight_map").EnumerateObject().Select(p => p.Value.GetString()!).Distinct().Order()];
        Assert.Equal(files, Directory.GetFiles(merged, "*.safetensors").Select(f => Path.GetFileName(f)!).Order());
        Assert.Equal("model-00001-of-0000" + files.Length + ".safetensors", files[0]);
        Assert.InRange(files.Length, 2, 9);
        Assert.All(files, f => Assert.InRange(new FileInfo(Path.Combine(merged, f)).Length, 1, 140_000));
        Assert.Equal(index.GetProperty("metadata").GetProperty("total_size").GetInt64(), told[^1].Bytes);
        Assert.Equal(told[^1].TotalBytes, told[^1].Bytes);
        Assert.Equal(File.ReadAllBytes(Path.Combine(model, "tokenizer.json")), File.ReadAllBytes(Path.Combine(merged, "tokenizer.json")));
        float[] policy = Score(model, adapter);
        Assert.InRange(Largest(policy, Score(merged, null)), 0, Rounding(policy));
    }

    [Fact]
    public void Weights_KeepTheTypeOfTheBase()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "model"), adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
        Directory.CreateDirectory(model);
        File.Copy(Golden.Path("training", "model", "config.json"), Path.Combine(model, "config.json"));
        using DisposeScope scope = NewDisposeScope();
        using (SafetensorsReader reader = Golden.Tensors("training", "model", "model.safetensors"))
            SafetensorsWriter.Write(Path.Combine(model, "model.safetensors"), [.. reader.Names.Select(n => KeyValuePair.Create(n, reader.Read(n).to_type(ScalarType.BFloat16)))]);
        RandomAdapter.Write(model, adapter, new() { ModulesToSave = ["lm_head"] });

        ModelExport.WriteMerged(model, adapter, merged, cancellationToken: TestContext.Current.CancellationToken);

        using var written = new SafetensorsReader(Path.Combine(merged, "model.safetensors"));
        Assert.All(written.Names, n => Assert.Equal(ScalarType.BFloat16, written.ElementTypeOf(n)));
        // bfloat16 has 8 bits of mantissa.
        Assert.InRange(Largest(Score(model, adapter), Score(merged, null)), 0, 0.1);
    }

    [Fact]
    public void TensorsThatAreNoWeights_ComeAlong()
    {
        using var folder = new TemporaryFolder();
        string model = Path.Combine(folder.Path, "model"), adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
        using DisposeScope scope = NewDisposeScope();
        // Older checkpoints keep the causal mask.
        KeyValuePair<string, Tensor>[] buffers = [new("h.0.attn.bias", ones(1, 1, 4, 4, dtype: ScalarType.Bool).tril()), new("h.0.attn.step", tensor((short)7)), new("h.0.attn.small", tensor((sbyte)-3))];
        WriteFamily("gpt2", model, _ => buffers);
        RandomAdapter.Write(model, adapter, new() { TargetModules = ["c_attn"] });

        ModelExport.WriteMerged(model, adapter, merged, cancellationToken: TestContext.Current.CancellationToken);

        using var written = new SafetensorsReader(Path.Combine(merged, "model.safetensors"));
        foreach ((string name, Tensor buffer) in buffers) Assert.True(written.Read(name).eq(buffer).all().ToBoolean());
    }

    [Fact]
    public void CancelledOrRefusedExport_LeavesNothing()
    {
        using var folder = new TemporaryFolder();
        string model = Golden.Path("training", "model"), adapter = Path.Combine(folder.Path, "adapter"), merged = Path.Combine(folder.Path, "merged");
        RandomAdapter.Write(model, adapter, new());
        using var cancellation = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() => ModelExport.WriteMerged(model, adapter, merged, new Cancelling(cancellation), cancellationToken: cancellation.Token));
        ModelFormatException refused = Assert.Throws<ModelFormatException>(() =>
            ModelExport.WriteMerged(Golden.Path("families", "gpt2"), adapter, merged, cancellationToken: TestContext.Current.CancellationToken));

        Assert.Contains("model.layers.0.self_attn.q_proj", refused.Message, StringComparison.Ordinal);
        Assert.Equal([adapter], Directory.GetFileSystemEntries(folder.Path));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Layout_IsTheArchitectures(string family)
    {
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32, CPU);
        CheckpointLayout layout = CheckpointLayout.Of(ModelConfig.Load(Golden.Path("families", family)).ModelType);
        Assert.Equal([layout.Embedding, layout.Head], model.Adaptable.VocabularyMatrices.Select(m => m.Path));
        Assert.All(model.Adaptable.LinearLayers, l => Assert.Equal(layout.StoresTransposed, l.FanInFanOut));
    }

    private static float[] Score(string model, string? adapter)
    {
        using GenerationModel loaded = GenerationModel.Load(model, adapter, ComputeType.Float32);
        return [.. loaded.Score(s_text)];
    }

    private static double Largest(float[] a, float[] b) => a.Zip(b).Max(p => Math.Abs(p.First - p.Second));

    private sealed class Told(List<ExportProgress> into) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value) => into.Add(value);
    }

    private sealed class Cancelling(CancellationTokenSource cancellation) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value) => cancellation.Cancel();
    }
}
