namespace TrainingService.Domain.Models;

/// <summary>Fetches a model from the Hub. The queue holds calls of this interface, as it does of <see cref="Jobs.IJobRunner"/>.</summary>
public interface IModelDownloader
{
    /// <summary>
    /// Claims the model's download and fetches what is missing, or deletes what is there when it was cancelled. One that
    /// another worker holds, or that has ended, is left alone.
    /// </summary>
    /// <param name="model">The model's id, <c>owner/name</c>.</param>
    /// <param name="cancellationToken">Signals that the worker stops: the next one goes on with what has arrived.</param>
    Task RunAsync(string model, CancellationToken cancellationToken);
}
