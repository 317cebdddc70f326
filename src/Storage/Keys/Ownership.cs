using TrainingService.Domain.Keys;

namespace TrainingService.Storage.Keys;

/// <summary>What belongs to whom.</summary>
public static class Ownership
{
    /// <summary>
    /// The things that a caller may know of. Others are left out where they are looked up, so that their ids answer as
    /// unknown ones do, and nothing later has to remember to hide them.
    /// </summary>
    public static IQueryable<T> VisibleTo<T>(this IQueryable<T> things, Caller caller) where T : class, IOwned =>
        caller.SeesAll ? things : things.Where(t => t.OwnerId == caller.Owner);
}
