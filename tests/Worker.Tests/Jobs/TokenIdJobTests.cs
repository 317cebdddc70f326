using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Tests.Jobs;

/// <summary>Jobs of a model without tokenizer files.</summary>
public sealed class TokenIdJobTests(PostgresServer server)
{
    private static readonly string s_demo = RepositoryRoot.PathOf("samples", "demo-model");
    private static readonly TrainingRecipe s_recipe = DemoJobs.Recipe with { MaxSteps = 6, SaveStrategy = IntervalStrategy.No };

    [Fact]
    public async Task RowsOfIds_TrainWhatTheirTextsDo()
    {
        await using TestStorage storage = await StartAsync();
        await RunAsync(storage, "ftjob-text", "demo-model", null, "");
        await RunAsync(storage, "ftjob-ids", "ids", Ids("concise-train.jsonl", 60), Ids("concise-validation.jsonl", 8));
        Assert.Equal(await DemoJobs.OutcomeAsync(storage, "ftjob-text"), await DemoJobs.OutcomeAsync(storage, "ftjob-ids"));
    }

    [Fact]
    public async Task RowsOfText_AreRefusedByWhatIsMissing()
    {
        await using TestStorage storage = await StartAsync();
        FineTuningJob job = await RunAsync(storage, "ftjob-1", "ids", null, "");
        Assert.Equal((JobStatus.Failed, "invalid_training_file"), (job.Status, job.ErrorCode));
        Assert.Contains("the model has no tokenizer.json", job.ErrorMessage, StringComparison.Ordinal);
    }

    private async Task<TestStorage> StartAsync()
    {
        TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite, builder => builder.Services.AddJobRunner());
        string model = Directory.CreateDirectory(Path.Combine(storage.Folder, "models", "ids")).FullName;
        foreach (string file in new[] { "config.json", "model.safetensors" }) File.Copy(Path.Combine(s_demo, file), Path.Combine(model, file));
        return storage;
    }

    private static async Task<FineTuningJob> RunAsync(TestStorage storage, string jobId, string model, string? training, string? validation)
    {
        await DemoJobs.AddAsync(storage, jobId, s_recipe, model, training, validation);
        await storage.Get<IJobRunner>().RunAsync(jobId, CancellationToken.None);
        return await DemoJobs.ReadAsync(storage, jobId);
    }

    /// <summary>The first rows of a sample as the ids that the tokenizer makes of them.</summary>
    private static string Ids(string sample, int rows)
    {
        using FileStream file = File.OpenRead(RepositoryRoot.PathOf("samples", sample));
        PreparedDataset prepared = RowPreparer.Load(s_demo, PreparationOptions.Of(s_recipe)).Prepare(TrainingFile.Read(file).Take(rows), CancellationToken.None);
        return string.Join('\n', prepared.Rows.Cast<TokenizedPair>().Select(p => JsonSerializer.Serialize(new { prompt_ids = p.PromptIds, chosen_ids = p.ChosenIds, rejected_ids = p.RejectedIds })));
    }
}
