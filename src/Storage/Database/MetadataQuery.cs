using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;

namespace TrainingService.Storage.Database;

/// <summary>Finds jobs by their metadata, which the databases hold as JSON text.</summary>
public static class MetadataQuery
{
    private const string Empty = "{}";

    /// <summary>
    /// The jobs whose metadata has, as text, every entry; with none, those without metadata. The text of an entry can by
    /// ill luck stand elsewhere in another's metadata (a key that begins with a comma), so the caller compares what comes.
    /// Text is searched rather than parsed, since PostgreSQL refuses to parse a NUL in a value and then answers nobody.
    /// </summary>
    /// <param name="db">The records.</param>
    /// <param name="entries">Keys and values that must all be there.</param>
    /// <param name="none">Whether there must be no metadata.</param>
    public static IQueryable<FineTuningJob> JobsWithMetadata(this TrainingDbContext db, IReadOnlyList<KeyValuePair<string, string>> entries, bool none)
    {
        string find = db.Database.IsSqlite() ? "instr" : "strpos";
        var sql = new StringBuilder("SELECT * FROM \"Jobs\" WHERE ").Append(none ? "(\"Metadata\" IS NULL OR \"Metadata\" = {0})" : "\"Metadata\" IS NOT NULL");
        for (int i = 1; i <= entries.Count; i++) sql.Append($" AND {find}(\"Metadata\", {{{i}}}) > 0");
        return db.Jobs.FromSqlRaw(sql.ToString(), [Empty, .. entries.Select(TextOf)]);
    }

    /// <summary>An entry as it stands in the stored text.</summary>
    private static string TextOf(KeyValuePair<string, string> entry) => $"{JsonSerializer.Serialize(entry.Key)}:{JsonSerializer.Serialize(entry.Value)}";
}
