namespace TrainingService.Storage.Models;

/// <summary>A model as files: a base model's folder, and for a tuned model an adapter's.</summary>
/// <param name="Id">Id of the model: its folder's path below the models folder, or a tuned model's name.</param>
/// <param name="Folder">The base model's folder.</param>
/// <param name="BaseId">Id of the base model when there is an adapter, else null.</param>
/// <param name="AdapterFolder">The adapter's PEFT folder, or null.</param>
/// <param name="CreatedAt">Moment from which the model is there, UTC.</param>
public sealed record ModelSource(string Id, string Folder, string? BaseId, string? AdapterFolder, DateTime CreatedAt);
