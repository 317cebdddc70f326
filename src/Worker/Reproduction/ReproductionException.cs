namespace TrainingService.Worker.Reproduction;

/// <summary>The job cannot be run again as it was; the message says what is missing or differs.</summary>
internal sealed class ReproductionException(string message) : Exception(message);
