namespace TrainingService.Storage.Keys;

/// <summary>Marks an endpoint that only reads, although its method is POST: <see cref="Domain.Keys.KeyRole.ReadOnly"/> may call it.</summary>
public sealed class ChangesNothing;
