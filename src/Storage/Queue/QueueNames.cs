namespace TrainingService.Storage.Queue;

/// <summary>The queues that workers serve: a download of hours must not hold up training, nor training a download.</summary>
public static class QueueNames
{
    /// <summary>Fine-tuning jobs.</summary>
    public const string Jobs = "default";

    /// <summary>Models to fetch from the Hub.</summary>
    public const string Downloads = "downloads";
}
