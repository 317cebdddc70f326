using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;

namespace TrainingService.Api.FineTuning;

/// <summary>The jobs that a list is narrowed to by <c>metadata[key]=value</c> or <c>metadata=null</c>.</summary>
internal sealed record MetadataFilter(IReadOnlyList<KeyValuePair<string, string>> Entries, bool None)
{
    private const string Prefix = "metadata[";

    public bool IsEmpty => Entries.Count == 0 && !None;

    public static MetadataFilter Of(IQueryCollection query) => new(
        [.. from entry in query
            where entry.Key.StartsWith(Prefix, StringComparison.Ordinal) && entry.Key.EndsWith(']')
            from value in entry.Value
            select KeyValuePair.Create(entry.Key[Prefix.Length..^1], value ?? "")],
        query["metadata"] == "null");

    /// <summary>The jobs that the database finds; <see cref="TakePageAsync"/> compares them exactly.</summary>
    public IQueryable<FineTuningJob> Jobs(TrainingDbContext db) => IsEmpty ? db.Jobs : db.JobsWithMetadata(Entries, None);

    /// <summary>The first matching jobs.</summary>
    /// <param name="jobs">The jobs in order.</param>
    /// <param name="size">Most of them.</param>
    /// <param name="cancellationToken">Ends the search.</param>
    public async Task<(List<FineTuningJob> Rows, bool HasMore)> TakePageAsync(IQueryable<FineTuningJob> jobs, int size, CancellationToken cancellationToken)
    {
        List<FineTuningJob> rows = [];
        // Nearly all that the database finds match, so that the first look is the last.
        for (int seen = 0, looked = size + 1; ; seen += looked)
        {
            List<FineTuningJob> found = await jobs.Skip(seen).Take(looked).ToListAsync(cancellationToken);
            rows.AddRange(found.Where(Matches));
            if (rows.Count > size) return (rows[..size], true);
            if (found.Count < looked) return (rows, false);
        }
    }

    private bool Matches(FineTuningJob job) =>
        (!None || job.Metadata is null or { Count: 0 })
        && Entries.All(entry => job.Metadata is { } metadata && metadata.TryGetValue(entry.Key, out string? value) && value == entry.Value);
}
