using System.Text.Json;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Models;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Diagnostics;

namespace TrainingService.Worker.Jobs;

/// <summary>A job, ready to train: its model's files, its recipe and its rows.</summary>
internal sealed record RunPlan(FineTuningJob Job, ModelSource Source, TrainingRecipe Recipe, StoredFile TrainingFile, PreparedDataset Train, PreparedDataset? Validation)
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>The file of the validation rows; null where there are none, or where they are set aside from <see cref="TrainingFile"/>.</summary>
    public StoredFile? ValidationFile { get; init; }

    public string TunedModel { get; } = TunedModelName.Of(Job.Model, Job.Suffix, Job.Id);

    public string AdapterKey => $"jobs/{Job.Id}/adapter.zip";

    /// <summary>Id of the model that the adapter adapts.</summary>
    public string BaseModel => Source.BaseId ?? Source.Id;

    public string CheckpointKey(int step) => $"jobs/{Job.Id}/checkpoint-{step}.zip";

    public string CheckpointName(int step) => TunedModelName.Checkpoint(TunedModel, step);

    public string DatasetReport() => JsonSerializer.Serialize(new { Training = Train.Report, Validation = Validation?.Report }, s_json);

    public RowFacts RowFacts() => Diagnostics.RowFacts.Of(Train.Rows, Validation?.Rows.Count ?? 0);

    public TrainerRun ToRun(string referenceCache) => new()
    {
        ModelFolder = Source.Folder,
        AdapterFolder = Source.AdapterFolder,
        BaseModelName = BaseModel,
        Recipe = Recipe,
        Train = Train.Rows,
        Validation = Validation?.Rows,
        ReferenceCacheFolder = referenceCache,
    };
}
