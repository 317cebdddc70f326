namespace TrainingService.Datasets.Containers;

/// <summary>A container cannot be read, or not further: what is wrong with it and what would be right, as a sentence.</summary>
internal sealed class ContainerException(string message) : Exception(message);
