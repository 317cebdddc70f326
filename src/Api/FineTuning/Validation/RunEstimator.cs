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
        int totalSteps = recipe.TotalSteps(report.Pairs);
        double epochs = (double)totalSteps / recipe.StepsAnEpoch(report.Pairs);
        long tokens = (long)((report.PromptTokens + report.ChosenTokens + report.RejectedTokens) * epochs);
        ModelWeights? weights = ModelWeights.Read(source.Folder);
        (double? seconds, string basis) = await TimeAsync(source, recipe, tokens, weights, cancellationToken);
        return new()
        {
            StepsAnEpoch = recipe.StepsAnEpoch(report.Pairs),
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

        long prompt = Math.Min(report.PromptLengths.Maximum, recipe.MaxPromptLength ?? int.MaxValue);
        long room = (recipe.MaxLength ?? int.MaxValue) - prompt;
        long completions = Math.Min(report.ChosenLengths.Maximum, room) + Math.Min(report.RejectedLengths.Maximum, room);
        long tokens = Math.Min(recipe.BatchSize, report.Pairs) * (prompt + Math.Max(0, completions));
        // A layer keeps its input, queries, keys, values, the input of its MLP, and gate and up.
        ModelDimensions d = weights.Dimensions;
        long kept = tokens * d.Layers * (3L * d.Hidden + 2L * d.KeyValueWidth + 2L * d.Intermediate);
        // NF4 with its scales takes 4.13 bits.
        long quantised = recipe.LoadIn4Bit ? weights.LinearLayers.Sum(l => (long)l.Outputs * l.Inputs) : 0;
        return (weights.Count - quantised) * bytes + (long)(quantised * 4.13 / 8) + trained * BytesATrainedWeight + kept * bytes;
    }

    private sealed record MeasuredSpeed(string Model, string? ComputeType, double TokensPerSecond)
    {
        public static MeasuredSpeed? Of(string model, string recipe, string report, double pairsPerSecond)
        {
            JsonElement training = JsonElement.Parse(report).GetProperty("training");
            int pairs = training.GetProperty("pairs").GetInt32();
            if (pairs == 0) return null;
            long tokens = new[] { "prompt_tokens", "chosen_tokens", "rejected_tokens" }.Sum(name => training.GetProperty(name).GetInt64());
            string? dtype = JsonElement.Parse(recipe).GetProperty("hyperparameters").TryGetProperty("dtype", out JsonElement given) ? given.GetString() : null;
            return new(model, dtype, pairsPerSecond * tokens / pairs);
        }
    }
}
