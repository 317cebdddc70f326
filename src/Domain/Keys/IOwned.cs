namespace TrainingService.Domain.Keys;

/// <summary>Something that belongs to somebody: nobody else but an administrator sees it.</summary>
public interface IOwned
{
    /// <summary>Whose it is; null when the service asked for no key.</summary>
    string? OwnerId { get; }
}
