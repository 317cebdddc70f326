namespace TrainingService.Storage.Hub;

/// <summary>Bytes that may still be written into a folder that is there.</summary>
public delegate long FreeSpace(string folder);
