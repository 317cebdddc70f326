using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;
using TrainingService.Storage.Queue;

namespace TrainingService.Api.FineTuning.Validation;

/// <summary>Estimates what a job takes: its memory from the model's shapes, its time from how fast earlier jobs were.</summary>
internal sealed class RunEstimator(TrainingDbContext db, ModelCatalog models, IJobQueue queue)
{
    // Enough to find one of the same model and type among jobs of others.
    private const int JobsLookedAt = 50;

    public async Task<JobEstimateObject> EstimateAsync(ModelSource source, TrainingRecipe recipe, DatasetReport report, CancellationToken cancellationToken)
    {
        int totalSteps = recipe.TotalSteps(report.Kept);
        double epochs = (double)totalSteps / recipe.StepsAnEpoch(report.Kept);
        long tokens = (long)(report.TokensRead * epochs);
        ModelWeights? weights = ModelWeights.Read(source.Folder);
        (double? seconds, string basis) = await TimeAsync(source, recipe, tokens, weights, cancellationToken);
        return new()
        {
            StepsAnEpoch = recipe.StepsAnEpoch(report.Kept),
            TotalSteps = totalSteps,
            Tokens = tokens,
            Workers = queue.CountWorkers(),
            Seconds = seconds,
            SecondsBasis = basis,
            MemoryBytes = weights is null ? null : MemoryEstimate.Of(weights, recipe, report),
            MemoryBasis = weights is null
                ? "The model's config.json and safetensors headers do not give its shapes."
                : "The worker's process on a CPU, within a factor of 1.5: .NET and libtorch, frozen weights, what is trained with its gradient and moments, and what the backward pass needs of the largest pack that these rows can make. Other jobs on the machine come on top.",
        };
    }

    private async Task<(double? Seconds, string Basis)> TimeAsync(
        ModelSource source, TrainingRecipe recipe, long tokens, ModelWeights? weights, CancellationToken cancellationToken)
    {
        List<MeasuredSpeed> measured = [.. (await db.Jobs.AsNoTracking()
            .Where(j => j.PairsPerSecond > 0 && j.DatasetReport != null)
            .OrderByDescending(j => j.CreatedAt).ThenByDescending(j => j.Id).Take(JobsLookedAt)
            .Select(j => new { j.Model, j.Recipe, Report = j.DatasetReport!, PairsPerSecond = j.PairsPerSecond!.Value })
            .ToListAsync(cancellationToken))
            .Select(j => MeasuredSpeed.Of(j.Model, j.Recipe, j.Report, j.PairsPerSecond)).OfType<MeasuredSpeed>()];

        string? dtype = RecipeJson.Write(recipe)["hyperparameters"]!["dtype"]?.GetValue<string>();
        string[] names = [source.Id, source.BaseId ?? source.Id];
        if (measured.Find(m => names.Contains(m.Model) && m.ComputeType == dtype) is { } same)
            return (tokens / same.TokensPerSecond, $"The last measured job on this model trained {same.TokensPerSecond:0} tokens a second.");

        // Of linear layers, which are nearly all of the work, the time goes with the number of weights.
        foreach (MeasuredSpeed other in weights is null ? [] : measured)
            if (await models.FindInFolderAsync(other.Model, Caller.Service, cancellationToken) is { } model && ModelWeights.Read(model.Folder) is { } known)
                return (tokens / (other.TokensPerSecond * known.Count / weights!.Count),
                    $"No job of this model and dtype has been measured; a job on a model of {known.Count} weights trained {other.TokensPerSecond:0} tokens a second, and this one has {weights.Count}.");
        return (null, "No job has been measured on this service yet.");
    }

    private sealed record MeasuredSpeed(string Model, string? ComputeType, double TokensPerSecond)
    {
        public static MeasuredSpeed? Of(string model, string recipe, string report, double pairsPerSecond)
        {
            JsonElement training = JsonElement.Parse(report).GetProperty("training");
            // Reports of earlier versions have neither; their jobs tell nothing.
            if (!training.TryGetProperty("kept", out JsonElement kept) || kept.GetInt32() is not (> 0 and var rows)) return null;
            long tokens = training.GetProperty("tokens_read").GetInt64();
            string? dtype = JsonElement.Parse(recipe).GetProperty("hyperparameters").TryGetProperty("dtype", out JsonElement given) ? given.GetString() : null;
            return new(model, dtype, pairsPerSecond * tokens / rows);
        }
    }
}
