using TorchSharp;
using TrainingService.Domain.Recipes;
using static TorchSharp.torch;

namespace TrainingService.Training.Batching;

/// <summary>
/// Which rows each optimiser step takes: a pure function of the recipe, the number of rows and the step, so that a resumed
/// run needs no sampler's state. The last, smaller batch of an epoch is kept, as transformers does.
/// </summary>
internal sealed class TrainingPlan
{
    private readonly TrainingRecipe _recipe;
    private readonly int _rows;
    private readonly int _batchesPerEpoch;
    private readonly int _stepsPerEpoch;
    private (int Epoch, int[] Rows)? _order;

    /// <param name="recipe">Batch size, accumulation, epochs or steps, sampling, seed.</param>
    /// <param name="rows">Training pairs, at least one.</param>
    public TrainingPlan(TrainingRecipe recipe, int rows)
    {
        (_recipe, _rows) = (recipe, rows);
        _batchesPerEpoch = recipe.BatchesAnEpoch(rows);
        _stepsPerEpoch = recipe.StepsAnEpoch(rows);
        TotalSteps = recipe.TotalSteps(rows);
    }

    /// <summary>Optimiser steps in all.</summary>
    public int TotalSteps { get; }

    /// <summary>The micro-batches of a step, each the indices of its rows.</summary>
    /// <param name="step">Steps already taken.</param>
    public IReadOnlyList<int[]> MicroBatches(int step)
    {
        int[] order = Order(step / _stepsPerEpoch);
        int first = step % _stepsPerEpoch * _recipe.GradientAccumulationSteps;
        int last = Math.Min(first + _recipe.GradientAccumulationSteps, _batchesPerEpoch);
        return [.. Enumerable.Range(first, last - first).Select(b => order[(b * _recipe.BatchSize)..Math.Min((b + 1) * _recipe.BatchSize, _rows)])];
    }

    /// <summary>Passes over the rows after so many steps.</summary>
    public double EpochAfter(int step)
    {
        int within = step % _stepsPerEpoch;
        return step / _stepsPerEpoch + (double)within * _recipe.GradientAccumulationSteps / _batchesPerEpoch;
    }

    /// <summary>Whether a step ends an epoch.</summary>
    public bool EndsEpoch(int step) => step % _stepsPerEpoch == 0;

    /// <summary>Index of the first micro-batch of a step, counted over the whole run.</summary>
    public long FirstMicroBatch(int step) => (long)(step / _stepsPerEpoch) * _batchesPerEpoch + step % _stepsPerEpoch * _recipe.GradientAccumulationSteps;

    private int[] Order(int epoch)
    {
        if (_order is { } known && known.Epoch == epoch) return known.Rows;
        int[] rows = [.. Enumerable.Range(0, _rows)];
        if (_recipe.SamplingStrategy == SamplingStrategy.Random)
        {
            using DisposeScope scope = NewDisposeScope();
            using var generator = new Generator((ulong)_recipe.Seed * 1_000_003 + (ulong)epoch);
            rows = [.. randperm(_rows, ScalarType.Int64, CPU, generator: generator).data<long>().Select(r => (int)r)];
        }
        _order = (epoch, rows);
        return rows;
    }
}
