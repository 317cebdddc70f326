using System.IO.Compression;
using System.Net;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Tests.Models;

public sealed class ExportTests(InferenceServer server) : IClassFixture<InferenceServer>
{
    private static readonly string s_base = RepositoryRoot.PathOf("tests", "golden", "training", "model");

    [Fact]
    public async Task MergedModel_ScoresAsBaseAndAdapter()
    {
        string adapter = TunedModel("tiny-merged");
        using HttpResponseMessage response = await server.Client.GetAsync("/v1/exports/merged/tuned/tiny-merged");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/zip", response.Content.Headers.ContentType?.MediaType);
        string folder = Directory.CreateTempSubdirectory("merged-").FullName;
        using (var zip = new ZipArchive(await response.Content.ReadAsStreamAsync())) zip.ExtractToDirectory(folder);

        string merged = Assert.Single(Directory.GetDirectories(folder));
        float[] expected = Score(s_base, adapter), actual = Score(merged, null);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-4f);
        Assert.Contains(expected.Zip(Score(s_base, null)), pair => Math.Abs(pair.First - pair.Second) > 1e-2);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task GgufAdapter_BeginsAsOne()
    {
        TunedModel("tiny-gguf");
        byte[] file = await server.Client.GetByteArrayAsync("/v1/exports/gguf/tuned/tiny-gguf");
        Assert.Equal("GGUF"u8, file.AsSpan(0, 4));
        Assert.True(file.AsSpan().IndexOf("blk.0.attn_q.weight.lora_a"u8) > 0);
        Assert.Empty(Directory.GetFileSystemEntries(server.ModelsFolder, "*.gguf", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("merged")]
    [InlineData("gguf")]
    public async Task ModelWithoutAdapterOrUnknown_IsRefused(string form)
    {
        using HttpResponseMessage plain = await server.Client.GetAsync($"/v1/exports/{form}/{InferenceServer.DemoModel}");
        Assert.Contains("has no adapter", (await plain.ErrorAsync(HttpStatusCode.BadRequest)).Message);
        using HttpResponseMessage unknown = await server.Client.GetAsync($"/v1/exports/{form}/no/such");
        Assert.Contains("'no/such' does not exist", (await unknown.ErrorAsync(HttpStatusCode.NotFound)).Message);
    }

    private string TunedModel(string name)
    {
        string model = Path.Combine(server.ModelsFolder, "export-base");
        if (!Directory.Exists(model))
        {
            Directory.CreateDirectory(model);
            foreach (string file in Directory.EnumerateFiles(s_base)) File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }
        string adapter = Directory.CreateDirectory(Path.Combine(server.ModelsFolder, "tuned", name)).FullName;
        File.WriteAllText(Path.Combine(adapter, "adapter_config.json"),
            """{"peft_type": "LORA", "base_model_name_or_path": "export-base", "r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}""");
        File.Copy(RepositoryRoot.PathOf("tests", "golden", "training", "all_linear_r4", "final_adapter.safetensors"), Path.Combine(adapter, "adapter_model.safetensors"));
        return adapter;
    }

    private static float[] Score(string folder, string? adapter)
    {
        using GenerationModel model = GenerationModel.Load(folder, adapter, ComputeType.Float32);
        return [.. model.Score(ModelTokenizer.Load(s_base).Encode("The capital of Italy is Rome.", addSpecialTokens: true))];
    }
}
