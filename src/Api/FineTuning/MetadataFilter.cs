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
    public async Task<(List<FineTuningJob> Rows, bool HasMore)> TakePageAsync(IQueryable<FineTuningJob> jobs, int size, CancellationToken cancellationToken)
    {
        List<FineTuningJob> rows = [];
        await foreach (FineTuningJob job in jobs.AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            if (!Matches(job)) continue;
            if (rows.Count == size) return (rows, true);
            rows.Add(job);
        }
        return (rows, false);
    }

    private bool Matches(FineTuningJob job) =>
        (!None || job.Metadata is null or { Count: 0 })
        && Entries.All(entry => job.Metadata is { } metadata && metadata.TryGetValue(entry.Key, out string? value) && value == entry.Value);
}
