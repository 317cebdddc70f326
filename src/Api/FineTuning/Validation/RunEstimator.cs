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

    // Weight, gradient and AdamW's two moments, each float32.
    private const int BytesATrainedWeight = 16;

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
            MemoryBytes = weights is null ? null : Memory(weights, recipe, report),
            MemoryBasis = weights is null
                ? "The model's config.json and safetensors headers do not give its shapes."
                : "Frozen weights, the adapter with its gradient and moments, and what the backward pass needs of the longest micro-batch that these rows can make; libtorch itself and other jobs on the machine come on top.",
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
            if (await models.FindAsync(other.Model, Caller.Service, cancellationToken) is { } model && ModelWeights.Read(model.Folder) is { } known)
                return (tokens / (other.TokensPerSecond * known.Count / weights!.Count),
                    $"No job of this model and dtype has been measured; a job on a model of {known.Count} weights trained {other.TokensPerSecond:0} tokens a second, and this one has {weights.Count}.");
        return (null, "No job has been measured on this service yet.");
    }

    private static long Memory(ModelWeights weights, TrainingRecipe recipe, DatasetReport report)
    {
        int bytes = recipe.ComputeType == ComputeType.Bfloat16 ? 2 : 4;
        LoraRecipe lora = recipe.Lora;
        long trained = weights.LinearLayers.Where(l => lora.Targets(l.Name)).Sum(l => lora.RankOf(l.Name) * (l.Outputs + l.Inputs) + (lora.UseDora ? l.Outputs : 0))
            + (long)lora.ModulesToSave.Count * weights.Dimensions.Vocabulary * weights.Dimensions.Hidden;

        long tokens = Math.Min(recipe.BatchSize, report.Kept) * LongestRow(recipe, report);
        // A layer keeps its input, queries, keys, values, the input of its MLP, and gate and up.
        ModelDimensions d = weights.Dimensions;
        long kept = tokens * d.Layers * (3L * d.Hidden + 2L * d.KeyValueWidth + 2L * d.Intermediate);
        // NF4 with its scales takes 4.13 bits.
        long quantised = recipe.LoadIn4Bit ? weights.LinearLayers.Sum(l => (long)l.Outputs * l.Inputs) : 0;
        return (weights.Count - quantised) * bytes + (long)(quantised * 4.13 / 8) + trained * BytesATrainedWeight + kept * bytes;
    }

    private static long LongestRow(TrainingRecipe recipe, DatasetReport report)
    {
        long most = recipe.MaxLength ?? int.MaxValue;
        (int prompts, int[] completions) = report switch
        {
            PairReport p => (p.PromptLengths.Maximum, new[] { p.ChosenLengths.Maximum, p.RejectedLengths.Maximum }),
            LabelledReport l => (l.PromptLengths.Maximum, [l.CompletionLengths.Maximum]),
            SupervisedReport s => (0, [s.SequenceLengths.Maximum]),
            _ => throw new ArgumentException($"Nothing is known of the lengths in a {report.GetType().Name}.", nameof(report)),
        };
        long prompt = Math.Min(prompts, recipe.MaxPromptLength ?? int.MaxValue);
        return prompt + completions.Sum(completion => Math.Max(0, Math.Min(completion, most - prompt)));
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
