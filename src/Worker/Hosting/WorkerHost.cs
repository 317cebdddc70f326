namespace TrainingService.Worker.Hosting;

/// <summary>Marks the worker's assembly: a <c>Program</c> of every host would be ambiguous in tests.</summary>
public sealed class WorkerHost
{
    private WorkerHost() { }
}
