namespace TrainingService.Training.Trainers;

/// <summary>Which checkpoints are kept: save_total_limit of transformers.</summary>
/// <param name="limit">Most of them; null keeps all.</param>
internal sealed class KeptCheckpoints(int? limit)
{
    private List<int> _steps = [];

    /// <summary>Their steps, oldest first.</summary>
    public IReadOnlyList<int> Steps => _steps;

    /// <summary>Adds one.</summary>
    /// <param name="step">Its step.</param>
    /// <param name="best">The step of the best evaluation, whose checkpoint goes last; with a limit of 1 the newest stays beside it.</param>
    /// <returns>Those that are kept no longer.</returns>
    public IReadOnlyList<int> Add(int step, int? best)
    {
        if (!_steps.Contains(step)) _steps.Add(step);
        int surplus = _steps.Count - (limit ?? int.MaxValue);
        int[] superseded = surplus <= 0 ? [] : [.. _steps.Where(s => s != best && s != step).Take(surplus)];
        _steps = [.. _steps.Except(superseded)];
        return superseded;
    }

    /// <summary>Takes over a state's.</summary>
    public void Restore(IReadOnlyList<int> steps) => _steps = [.. steps];
}
