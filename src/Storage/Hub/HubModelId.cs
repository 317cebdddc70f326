using System.Text.RegularExpressions;

namespace TrainingService.Storage.Hub;

/// <summary>Ids and revisions as the Hub spells them. They become parts of addresses and folders, so nothing else passes.</summary>
public static partial class HubModelId
{
    /// <summary>Whether this is a model's id, <c>owner/name</c>.</summary>
    public static bool IsValid(string id) =>
        IdPattern().IsMatch(id) && !id.Contains("..", StringComparison.Ordinal) && !id.Contains("--", StringComparison.Ordinal)
        && !id.EndsWith(".git", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether this may be a branch, a tag or a commit.</summary>
    public static bool IsRevision(string revision) => RevisionPattern().IsMatch(revision) && !revision.Contains("..", StringComparison.Ordinal);

    /// <summary>Whether this is a commit.</summary>
    public static bool IsCommit(string text) => CommitPattern().IsMatch(text);

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\z")]
    private static partial Regex IdPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}\z")]
    private static partial Regex RevisionPattern();

    [GeneratedRegex(@"\A[0-9a-f]{40}\z")]
    private static partial Regex CommitPattern();
}
