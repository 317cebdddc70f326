namespace TrainingService.Training.Trainers;

/// <summary>Measures the speed of the last steps, evaluation and saving not counted.</summary>
internal sealed class StepClock(TimeProvider timeProvider)
{
    private const int Window = 20;

    private readonly Queue<(TimeSpan Time, int Pairs)> _steps = new();
    private long _started;

    /// <summary>Pairs a second over the last steps; null before the first.</summary>
    public double? PairsPerSecond => Total is { Ticks: > 0 } total ? _steps.Sum(s => s.Pairs) / total.TotalSeconds : null;

    private TimeSpan Total => _steps.Aggregate(TimeSpan.Zero, (sum, step) => sum + step.Time);

    /// <summary>A step begins.</summary>
    public void Start() => _started = timeProvider.GetTimestamp();

    /// <summary>It has ended.</summary>
    public void Stop(int pairs)
    {
        _steps.Enqueue((timeProvider.GetElapsedTime(_started), pairs));
        if (_steps.Count > Window) _steps.Dequeue();
    }

    /// <summary>Time that so many steps take at this speed; null before the first.</summary>
    public TimeSpan? Remaining(int steps) => _steps.Count == 0 ? null : Total / _steps.Count * steps;
}
