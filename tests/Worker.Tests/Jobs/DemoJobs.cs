using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Tests;

namespace TrainingService.Worker.Tests.Jobs;

/// <summary>Jobs of the sample model and the sample preference file, as a client would leave them in the records.</summary>
internal static class DemoJobs
{
    /// <summary>Every part that has state takes part: dropout, shuffling, warm-up, accumulation, evaluation, kept checkpoints.</summary>
    public static TrainingRecipe Recipe { get; } = new()
    {
        Seed = 7,
        BatchSize = 2,
        GradientAccumulationSteps = 2,
        MaxSteps = 40,
        LearningRate = 1e-3,
        WarmupSteps = 5,
        LoggingSteps = 2,
        EvalStrategy = IntervalStrategy.Steps,
        EvalSteps = 10,
        SaveStrategy = IntervalStrategy.Steps,
        SaveSteps = 8,
        ComputeType = ComputeType.Float32,
        Lora = new() { Rank = 4, Dropout = 0.1 },
    };

    public static async Task<string> AddAsync(TestStorage storage, string jobId, TrainingRecipe recipe, string model = "demo-model",
        string? training = null, string? validation = "")
    {
        training ??= string.Join('\n', File.ReadLines(RepositoryRoot.PathOf("samples", "concise-train.jsonl")).Take(60));
        if (validation is "") validation = string.Join('\n', File.ReadLines(RepositoryRoot.PathOf("samples", "concise-validation.jsonl")).Take(8));
        await using TrainingDbContext db = storage.CreateContext();
        string trainingId = await AddFileAsync(storage, db, $"file-{jobId}-train", training);
        string? validationId = validation is null ? null : await AddFileAsync(storage, db, $"file-{jobId}-validation", validation);
        db.Add(new FineTuningJob(jobId, model, trainingId, validationId, RecipeJson.Write(recipe).ToJsonString(), recipe.Seed, "concise", null,
            TimeProvider.System.GetUtcNow().UtcDateTime));
        await db.SaveChangesAsync();
        return jobId;
    }

    private static async Task<string> AddFileAsync(TestStorage storage, TrainingDbContext db, string id, string rows)
    {
        await using FileStoreWriter writer = storage.Get<IFileStore>().Create($"files/{id}");
        await using (var text = new StreamWriter(writer, leaveOpen: true)) await text.WriteAsync(rows);
        StoredContent content = await writer.CommitAsync(CancellationToken.None);
        db.Add(new StoredFile(id, $"{id}.jsonl", FilePurpose.FineTune, content.Bytes, $"files/{id}", TimeProvider.System.GetUtcNow().UtcDateTime));
        return id;
    }

    public static async Task<FineTuningJob> ReadAsync(TestStorage storage, string jobId)
    {
        await using TrainingDbContext db = storage.CreateContext();
        return await db.Jobs.AsNoTracking().SingleAsync(j => j.Id == jobId);
    }

    /// <summary>Waits until the job has taken so many steps, or its run is over.</summary>
    public static async Task WaitForStepAsync(TestStorage storage, string jobId, int step, Task run)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (!run.IsCompleted && (await ReadAsync(storage, jobId)).Step < step)
            await Task.Delay(5, patience.Token);
    }

    /// <summary>All that a job leaves: weights, metrics, checkpoints and metrics events, without moments and names.</summary>
    public static async Task<string> OutcomeAsync(TestStorage storage, string jobId)
    {
        FineTuningJob job = await ReadAsync(storage, jobId);
        Assert.Equal((JobStatus.Succeeded, null), (job.Status, job.ErrorMessage));
        await using TrainingDbContext db = storage.CreateContext();
        List<JobMetric> metrics = await db.Metrics.Where(m => m.JobId == jobId).OrderBy(m => m.Step).ThenBy(m => m.Split).ToListAsync();
        List<JobCheckpoint> checkpoints = await db.Checkpoints.Where(c => c.JobId == jobId).OrderBy(c => c.Step).ToListAsync();
        List<JobEvent> events = await db.Events.Where(e => e.JobId == jobId && e.Type == "metrics").ToListAsync();
        return JsonSerializer.Serialize(new
        {
            Adapter = WeightsDigest(storage, job.AdapterKey!),
            job.Step,
            job.TotalSteps,
            job.TrainedTokens,
            Metrics = metrics.Select(m => new { m.Step, m.Split, m.Epoch, m.Values }),
            Checkpoints = checkpoints.Select(c => new { c.Step, c.Metrics, Adapter = WeightsDigest(storage, c.AdapterKey) }),
            Events = events.Select(e => new { e.Message, e.Data }).OrderBy(e => e.Message, StringComparer.Ordinal),
            Results = job.ResultFiles.Count,
        }, s_indented);
    }

    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    private static string WeightsDigest(TestStorage storage, string key)
    {
        using var zip = new ZipArchive(storage.Get<IFileStore>().OpenRead(key));
        using Stream weights = zip.GetEntry("adapter_model.safetensors")!.Open();
        return Convert.ToHexStringLower(SHA256.HashData(weights));
    }
}
