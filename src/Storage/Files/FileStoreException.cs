namespace TrainingService.Storage.Files;

/// <summary>The file store could not do what was asked, e.g. because its disk is full.</summary>
/// <param name="message">What happened, in words for an operator.</param>
/// <param name="innerException">The cause.</param>
public sealed class FileStoreException(string message, Exception? innerException = null) : IOException(message, innerException);
