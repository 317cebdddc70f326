using System.IO.Compression;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;

namespace TrainingService.Storage.Models;

/// <summary>Every model a job can start from and a chat can talk to: those in folders and those that jobs made.</summary>
/// <param name="folders">The models in folders.</param>
/// <param name="files">Holds the adapters that jobs made.</param>
/// <param name="contexts">The records.</param>
public sealed class ModelCatalog(ModelFolder folders, IFileStore files, IDbContextFactory<TrainingDbContext> contexts)
{
    private const string AdaptersFolder = "adapters";

    /// <summary>The models in folders, by id.</summary>
    public IReadOnlyList<ModelSource> ListFolders() => folders.List();

    /// <summary>Whether there is a model of this id, the caller's or a base model, which are everybody's; takes no adapter out of the store.</summary>
    public async Task<bool> ExistsAsync(string id, Caller caller, CancellationToken cancellationToken) =>
        await FindFolderAsync(id, cancellationToken) is not null || await FindTunedAsync(id, caller, cancellationToken) is not null;

    /// <summary>
    /// The model with this id as files, or null when there is none that the caller may know of. A tuned model's adapter is taken out of the store
    /// into a folder, once: adapters do not change.
    /// </summary>
    /// <exception cref="FileStoreException">The adapter cannot be read.</exception>
    public async Task<ModelSource?> FindAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        if (await FindFolderAsync(id, cancellationToken) is { } source) return source;
        if (await FindTunedAsync(id, caller, cancellationToken) is not { } tuned) return null;
        return new(id, tuned.Base.Folder, tuned.Base.BaseId ?? tuned.Base.Id, UnpackAdapter(tuned.AdapterKey), tuned.CreatedAt);
    }

    /// <summary>The model in a folder that a tuned model's adapter adapts; null when there is none, or no such tuned model that the caller may know of.</summary>
    public async Task<ModelSource?> FindBaseAsync(string tunedId, Caller caller, CancellationToken cancellationToken) =>
        (await FindTunedAsync(tunedId, caller, cancellationToken))?.Base;

    /// <summary>The model in a folder that is the one of this id, or that it adapts; null when there is none that the caller may know of. Takes no adapter out of the store.</summary>
    public async Task<ModelSource?> FindInFolderAsync(string id, Caller caller, CancellationToken cancellationToken) =>
        await FindFolderAsync(id, cancellationToken) ?? await FindBaseAsync(id, caller, cancellationToken);

    /// <summary>Deletes an adapter, as it lies in the store and as it was unpacked; one that is not there is fine.</summary>
    /// <exception cref="FileStoreException">It cannot be deleted.</exception>
    public void DeleteAdapter(string key)
    {
        files.Delete(key);
        if (UnpackedFolder(key) is var folder && Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
    }

    /// <summary>A model in a folder, unless its deletion was asked for.</summary>
    private async Task<ModelSource?> FindFolderAsync(string id, CancellationToken cancellationToken)
    {
        if (folders.Find(id) is not { } source) return null;
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.ModelDownloads.Where(ModelDownload.BeingDeleted).AnyAsync(d => d.Model == id, cancellationToken) ? null : source;
    }

    private async Task<(ModelSource Base, string AdapterKey, DateTime CreatedAt)?> FindTunedAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        if (!id.StartsWith("ft:", StringComparison.Ordinal)) return null;
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        IQueryable<FineTuningJob> jobs = db.Jobs.AsNoTracking().VisibleTo(caller);
        (string JobId, string AdapterKey, DateTime CreatedAt) tuned;
        if (await jobs.SingleOrDefaultAsync(j => j.FineTunedModel == id, cancellationToken) is { AdapterKey: { } key } job)
            tuned = (job.Id, key, job.FinishedAt ?? job.CreatedAt);
        else if (await db.Checkpoints.AsNoTracking().SingleOrDefaultAsync(c => c.ModelName == id && jobs.Any(j => j.Id == c.JobId), cancellationToken) is { } checkpoint)
            tuned = (checkpoint.JobId, checkpoint.AdapterKey, checkpoint.CreatedAt);
        else
            return null;

        return await FindFolderAsync(await StartOfAsync(db, tuned.JobId, cancellationToken), cancellationToken) is { } source
            ? (source, tuned.AdapterKey, tuned.CreatedAt)
            : null;
    }

    /// <summary>A job that started from a tuned model went on with its adapter: both adapt the model at the chain's start.</summary>
    private static async Task<string> StartOfAsync(TrainingDbContext db, string jobId, CancellationToken cancellationToken)
    {
        string model = await db.Jobs.Where(j => j.Id == jobId).Select(j => j.Model).SingleAsync(cancellationToken);
        while (model.StartsWith("ft:", StringComparison.Ordinal))
        {
            // By the job's id, as the name may be of a checkpoint that was deleted since.
            string made = TunedModelName.JobOf(model), tuned = model;
            model = await db.Jobs.Where(j => j.FineTunedModel == tuned || j.Id == made).Select(j => j.Model).SingleOrDefaultAsync(cancellationToken)
                ?? await db.Checkpoints.Where(c => c.ModelName == tuned)
                    .Join(db.Jobs, c => c.JobId, j => j.Id, (_, j) => j.Model).SingleAsync(cancellationToken);
        }
        return model;
    }

    private string UnpackedFolder(string key) => Path.Combine(files.WorkFolder(AdaptersFolder), key.Replace('/', '.'));

    private string UnpackAdapter(string key)
    {
        string folder = UnpackedFolder(key);
        if (Directory.Exists(folder)) return folder;

        string temporary = $"{folder}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var archive = new ZipArchive(files.OpenRead(key), ZipArchiveMode.Read))
                archive.ExtractToDirectory(temporary);
            Directory.Move(temporary, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another request unpacked the same adapter meanwhile.
        }
        finally
        {
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
        }
        return folder;
    }
}
