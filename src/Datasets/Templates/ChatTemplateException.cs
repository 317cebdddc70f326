namespace TrainingService.Datasets.Templates;

/// <summary>A model's chat template cannot be read, or does not take the messages it was given.</summary>
public sealed class ChatTemplateException(string message, Exception? innerException = null) : Exception(message, innerException);
