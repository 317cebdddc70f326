namespace TrainingService.Training.Models;

/// <summary>A model's or adapter's files cannot be used; the message names file, field and value.</summary>
/// <param name="message">What is wrong, for the person who chose the model.</param>
public sealed class ModelFormatException(string message) : Exception(message);
