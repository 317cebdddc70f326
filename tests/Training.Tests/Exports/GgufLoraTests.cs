using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Exports;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Exports;

public class GgufLoraTests
{
    public static TheoryData<string> Families => [.. Golden.Families];

    [Theory]
    [MemberData(nameof(Families))]
    public void File_HoldsTheAdapter_AsLlamaCppAppliesIt(string family)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        string model = Golden.Path("families", family), adapterFolder = Path.Combine(folder.Path, "adapter"), path = Path.Combine(folder.Path, "adapter.gguf");
        // rsLoRA and a pattern: neither is in what llama.cpp computes from alpha and rank.
        RandomAdapter.Write(model, adapterFolder, new()
        {
            Rank = 3,
            Alpha = 5,
            UseRsLora = true,
            TargetModules = ["all-linear"],
            AlphaPattern = new Dictionary<string, double> { ["o_proj"] = 2, ["dense"] = 2, ["attn.c_proj"] = 2 },
            RankPattern = new Dictionary<string, int> { ["o_proj"] = 2 },
        });

        GgufLora.Write(model, adapterFolder, path, cancellationToken: TestContext.Current.CancellationToken);

        var file = new GgufFile(path);
        Assert.Equal("adapter", file.Metadata["general.type"]);
        Assert.Equal("lora", file.Metadata["adapter.type"]);
        float alpha = Assert.IsType<float>(file.Metadata["adapter.lora.alpha"]);
        using CausalLanguageModel loaded = CausalLanguageModel.Load(model, ComputeType.Float32, CPU);
        using LoraAdapter adapter = PeftFiles.Load(adapterFolder, loaded.Adaptable);
        Assert.Equal(2 * adapter.Layers.Count, file.Tensors.Count);
        ModelConfig config = ModelConfig.Load(model);
        int heads = config.OptionalSize("num_attention_heads") ?? config.Size("n_head"), keyHeads = config.OptionalSize("num_key_value_heads") ?? heads;
        foreach (LoraLayer layer in adapter.Layers)
        {
            string name = GgufArchitecture.TensorName(layer.Layer.Path);
            (ulong[] aDimensions, float[] a) = file.Tensors[name + ".lora_a"];
            (ulong[] bDimensions, float[] b) = file.Tensors[name + ".lora_b"];
            int rank = layer.Rank, input = layer.Layer.In, output = layer.Layer.Out;
            // llama.cpp asks: a.ne[0] = in, b.ne[1] = out, a.ne[1] = b.ne[0].
            Assert.Equal([(ulong)input, (ulong)rank], aDimensions);
            Assert.Equal([(ulong)rank, (ulong)output], bDimensions);
            Tensor applied = alpha / rank * tensor(b).view(output, rank).mm(tensor(a).view(rank, input));
            Tensor change = layer.Scaling * layer.B.mm(layer.A);
            int[] from = [.. Enumerable.Range(0, output).Select(row => SourceRow((string)file.Metadata["general.architecture"], layer.Layer.Name, row, output, heads, keyHeads))];
            Assert.InRange(Golden.Difference(applied, change.index_select(0, tensor([.. from.Select(r => (long)r)]))), 0, 1e-6);
        }
    }

    [Theory]
    [InlineData("model.layers.3.self_attn.q_proj", "blk.3.attn_q.weight")]
    [InlineData("model.layers.11.mlp.down_proj", "blk.11.ffn_down.weight")]
    [InlineData("model.layers.0.self_attn.qkv_proj", "blk.0.attn_qkv.weight")]
    [InlineData("model.layers.0.mlp.gate_up_proj", "blk.0.ffn_up.weight")]
    [InlineData("transformer.h.2.mlp.c_proj", "blk.2.ffn_down.weight")]
    [InlineData("gpt_neox.layers.1.attention.dense", "blk.1.attn_output.weight")]
    public void Names_AreLlamaCpps(string path, string expected) => Assert.Equal(expected, GgufArchitecture.TensorName(path));

    [Fact]
    public void WhatLlamaCppCannotApply_IsRefusedWithItsReason()
    {
        using var folder = new TemporaryFolder();
        string model = Golden.Path("training", "model"), dora = Path.Combine(folder.Path, "dora"), saved = Path.Combine(folder.Path, "saved"), path = Path.Combine(folder.Path, "adapter.gguf");
        RandomAdapter.Write(model, dora, new() { UseDora = true });
        RandomAdapter.Write(model, saved, new() { ModulesToSave = ["lm_head"] });

        Assert.Contains("DoRA", Assert.Throws<ModelFormatException>(() => GgufLora.Write(model, dora, path)).Message, StringComparison.Ordinal);
        Assert.Contains("lm_head", Assert.Throws<ModelFormatException>(() => GgufLora.Write(model, saved, path)).Message, StringComparison.Ordinal);
        Assert.False(File.Exists(path));
    }

    /// <summary>Which of Hugging Face's rows stands at a row of llama.cpp's weight.</summary>
    private static int SourceRow(string architecture, string layer, int row, int output, int heads, int keyHeads)
    {
        if ((architecture is "llama" or "granite" or "smollm3") && (layer is "q_proj" or "k_proj"))
        {
            // Neighbours 2i and 2i + 1 of a head turn together; Hugging Face's i and i + half.
            int size = output / (layer == "q_proj" ? heads : keyHeads), head = row / size, within = row % size;
            return head * size + (within % 2) * size / 2 + within / 2;
        }
        if (layer == "query_key_value")
        {
            // All queries, then all keys, then all values; GPT-NeoX has them head by head.
            int size = output / heads / 3, part = row / (heads * size), head = row / size % heads;
            return (head * 3 + part) * size + row % size;
        }
        return row;
    }
}
