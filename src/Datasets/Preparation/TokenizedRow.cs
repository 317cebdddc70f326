namespace TrainingService.Datasets.Preparation;

/// <summary>A row as the engine takes it, already cut to length: what a <see cref="TrainingService.Domain.Recipes.TrainingMethod"/> learns from.</summary>
/// <param name="Row">The 1-based row in the file.</param>
public abstract record TokenizedRow(long Row);
