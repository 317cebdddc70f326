using Microsoft.EntityFrameworkCore;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;

namespace TrainingService.Api.Files;

/// <summary>What becomes of bytes whose row could not be saved.</summary>
internal sealed partial class UnsavedBytes(IDbContextFactory<TrainingDbContext> contexts, IFileStore store, ILogger<UnsavedBytes> logger)
{
    /// <summary>
    /// Deletes them unless their row is there: a connection may break after the commit and before its answer. Where the
    /// database does not say, they stay: a few bytes too many are better than a file without its own.
    /// </summary>
    /// <param name="key">Where they lie.</param>
    /// <param name="isSaved">Whether the row is there.</param>
    public async Task DeleteAsync(string key, Func<TrainingDbContext, Task<bool>> isSaved)
    {
        try
        {
            await using TrainingDbContext db = await contexts.CreateDbContextAsync(CancellationToken.None);
            if (await isSaved(db)) return;
        }
        catch (Exception e)
        {
            LogKept(e, key);
            return;
        }
        store.Delete(key);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The bytes {Key} stay: whether their row was saved is not known.")]
    private partial void LogKept(Exception exception, string key);
}
