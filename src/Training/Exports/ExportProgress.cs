namespace TrainingService.Training.Exports;

/// <summary>How far an export is.</summary>
/// <param name="Bytes">Bytes of tensors written.</param>
/// <param name="TotalBytes">Bytes of tensors in all.</param>
public readonly record struct ExportProgress(long Bytes, long TotalBytes);
