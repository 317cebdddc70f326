namespace TrainingService.Storage.Hub;

/// <summary>What to fetch for a model.</summary>
/// <param name="Repository">The repository at its commit.</param>
/// <param name="Files">The needed files, small ones first.</param>
public sealed record DownloadPlan(HubRepository Repository, IReadOnlyList<HubFile> Files)
{
    /// <summary>Their length.</summary>
    public long Bytes => Files.Sum(f => f.Size);
}
