using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Keys;
using TrainingService.Storage.Database;

namespace TrainingService.Storage.Keys;

/// <summary>The keys that open the API.</summary>
/// <param name="contexts">The records.</param>
/// <param name="timeProvider">The clock.</param>
public sealed class KeyRing(IDbContextFactory<TrainingDbContext> contexts, TimeProvider timeProvider)
{
    /// <summary>Longest name of an owner.</summary>
    public const int LongestOwner = 64;

    // A write for every request would cost more than knowing the second is worth.
    private static readonly TimeSpan s_useNoted = TimeSpan.FromMinutes(1);

    /// <summary>What is wrong with the name of an owner, or null.</summary>
    public static string? OwnerProblem(string? owner) =>
        owner is { Length: > 0 and <= LongestOwner } && owner.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or '@')
            ? null : $"1 to {LongestOwner} letters, digits, '.', '_', '-' or '@'";

    /// <summary>Makes a key. Nobody can read its secret afterwards.</summary>
    /// <param name="role">What it may do.</param>
    /// <param name="owner">Whose it is.</param>
    /// <param name="cancellationToken">Cancels it.</param>
    public async Task<(ApiKey Key, string Secret)> CreateAsync(KeyRole role, string owner, CancellationToken cancellationToken)
    {
        string secret = KeySecret.New();
        return (await AddAsync(secret, role, owner, cancellationToken), secret);
    }

    /// <summary>The usable key of a secret, or null.</summary>
    public async Task<ApiKey?> FindAsync(string secret, CancellationToken cancellationToken)
    {
        if (secret.Length is 0 or > KeyOptions.LongestSecret) return null;
        string hash = KeySecret.HashOf(secret);
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        // Asked for every request: a revoked key opens nothing from the next one on, on every host.
        ApiKey? key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Hash == hash && k.RevokedAt == null, cancellationToken);
        DateTime now = timeProvider.GetUtcNow().UtcDateTime;
        if (key is not null && (key.LastUsedAt is null || now - key.LastUsedAt > s_useNoted))
            await db.ApiKeys.Where(k => k.Id == key.Id).ExecuteUpdateAsync(set => set.SetProperty(k => k.LastUsedAt, now), cancellationToken);
        return key;
    }

    /// <summary>Whether the key with this id can be used.</summary>
    public async Task<bool> IsUsableAsync(string id, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.ApiKeys.AnyAsync(k => k.Id == id && k.RevokedAt == null, cancellationToken);
    }

    /// <summary>Whether any key can be used.</summary>
    public async Task<bool> AnyAsync(CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.ApiKeys.AnyAsync(k => k.RevokedAt == null, cancellationToken);
    }

    /// <summary>All keys, revoked ones too, oldest first.</summary>
    public async Task<IReadOnlyList<ApiKey>> ListAsync(CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.ApiKeys.AsNoTracking().OrderBy(k => k.CreatedAt).ThenBy(k => k.Id).ToListAsync(cancellationToken);
    }

    /// <summary>Ends a key; null when there is none of this id.</summary>
    public async Task<ApiKey?> RevokeAsync(string id, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        if (await db.ApiKeys.SingleOrDefaultAsync(k => k.Id == id, cancellationToken) is not { } key) return null;
        key.Revoke(timeProvider.GetUtcNow().UtcDateTime);
        await db.SaveChangesAsync(cancellationToken);
        return key;
    }

    /// <summary>Stores an administrator's secret that was not stored before; a revoked one stays revoked.</summary>
    internal async Task EnsureAdminAsync(string secret, CancellationToken cancellationToken)
    {
        string hash = KeySecret.HashOf(secret);
        await using (TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken))
            if (await db.ApiKeys.AnyAsync(k => k.Hash == hash, cancellationToken)) return;
        try
        {
            await AddAsync(secret, KeyRole.Admin, "admin", cancellationToken);
        }
        catch (DbUpdateException) when (!cancellationToken.IsCancellationRequested)
        {
            // Another API that starts now stored it; anything else fails again here.
            await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
            if (!await db.ApiKeys.AnyAsync(k => k.Hash == hash, cancellationToken)) throw;
        }
    }

    private async Task<ApiKey> AddAsync(string secret, KeyRole role, string owner, CancellationToken cancellationToken)
    {
        var key = new ApiKey($"key_{Guid.NewGuid():N}", KeySecret.HashOf(secret), KeySecret.PrefixOf(secret), role, owner, timeProvider.GetUtcNow().UtcDateTime);
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        db.ApiKeys.Add(key);
        await db.SaveChangesAsync(cancellationToken);
        return key;
    }
}
