using System.IO.Compression;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Tests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Tests.Models;

public sealed class TunedModelTests(InferenceServer server) : IClassFixture<InferenceServer>
{
    private const string Config = """{"peft_type": "LORA", "base_model_name_or_path": "tiny", "r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}""";

    private static readonly string s_base = RepositoryRoot.PathOf("tests", "golden", "training", "model");

    [Fact]
    public async Task FolderJobAndCheckpoint_AnswerWithTheirAdapters()
    {
        const string Prompt = "The capital of Italy";
        CopyTo("tiny", s_base);
        string adapter = CopyTo("tiny-tuned", adapterOf: "all_linear_r4");
        DateTime now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await AddJobAsync(new FineTuningJob("ftjob-1", "tiny", "file-1", null, "{}", 1, null, null, now), "ft:tiny:local::1", adapter, now);

        float[] expected = Score(adapter);
        Assert.NotEqual(Score(null), expected);
        Assert.Equal(Score(null), await ScoreAsync("tiny"));
        Assert.Equal(expected, await ScoreAsync("tiny-tuned"));
        Assert.Equal(expected, await ScoreAsync("ft:tiny:local::1"));
        Assert.Equal(expected, await ScoreAsync("ft:tiny:local::1:ckpt-step-2"));

        float[] Score(string? adapterFolder)
        {
            using GenerationModel model = GenerationModel.Load(s_base, adapterFolder, ComputeType.Float32);
            return [.. model.Score(ModelTokenizer.Load(s_base).Encode(Prompt, addSpecialTokens: true))];
        }

        async Task<float[]> ScoreAsync(string model)
        {
            using HttpResponseMessage response = await server.PostAsync("/v1/completions", $$"""{"model": "{{model}}", "prompt": "{{Prompt}}", "max_tokens": 0, "echo": true, "logprobs": 0}""");
            JsonObject scored = await response.JsonAsync();
            return [.. scored["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Skip(1).Select(l => l!.GetValue<float>())];
        }
    }

    private string CopyTo(string name, string? model = null, string? adapterOf = null)
    {
        string folder = Directory.CreateDirectory(Path.Combine(server.ModelsFolder, name)).FullName;
        if (model is not null)
            foreach (string file in Directory.EnumerateFiles(model)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        if (adapterOf is not null)
        {
            File.WriteAllText(Path.Combine(folder, "adapter_config.json"), Config);
            File.Copy(RepositoryRoot.PathOf("tests", "golden", "training", adapterOf, "final_adapter.safetensors"), Path.Combine(folder, "adapter_model.safetensors"));
        }
        return folder;
    }

    private async Task AddJobAsync(FineTuningJob job, string name, string adapterFolder, DateTime now)
    {
        const string Key = "adapters/ftjob-1.zip";
        await using (FileStoreWriter writer = server.Services.GetRequiredService<IFileStore>().Create(Key))
        {
            using var zip = new MemoryStream();
            await ZipFile.CreateFromDirectoryAsync(adapterFolder, zip);
            await writer.WriteAsync(zip.ToArray());
            await writer.CommitAsync(CancellationToken.None);
        }
        await using TrainingDbContext db = server.Services.GetRequiredService<IDbContextFactory<TrainingDbContext>>().CreateDbContext();
        db.Add(new Domain.Files.StoredFile("file-1", "rows.jsonl", Domain.Files.FilePurpose.FineTune, 1, "files/file-1", now));
        db.Add(job);
        db.Add(new JobCheckpoint("ftckpt_1", job.Id, 2, $"{name}:ckpt-step-2", Key, "{}", now));
        await db.SaveChangesAsync();
        await db.Jobs.ExecuteUpdateAsync(set => set
            .SetProperty(j => j.Status, JobStatus.Succeeded).SetProperty(j => j.FineTunedModel, name).SetProperty(j => j.AdapterKey, Key));
    }
}
