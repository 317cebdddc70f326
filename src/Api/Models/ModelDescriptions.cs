using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.Models;

/// <summary>Finds models and tells what is known of them: from their folders, their downloads, and the jobs that started from or made them.</summary>
internal sealed class ModelDescriptions(TrainingDbContext db, ModelCatalog catalog)
{
    public const string Ready = "ready";
    public const string Downloading = "downloading";
    public const string Failed = "failed";

    /// <summary>The model of this id, ready or on its way; null when there is none that the caller may know of.</summary>
    public async Task<ModelDetailsObject?> FindAsync(string id, Caller caller, CancellationToken cancellationToken)
    {
        ModelDownload? download = await db.FindDownloadAsync(id, cancellationToken);
        if (download is { IsBeingDeleted: true }) return null;
        if (catalog.ListFolders().FirstOrDefault(m => m.Id == id) is { } source) return await DescribeAsync(source, download, caller, cancellationToken);
        if (download is not null && download.IsWanted()) return Describe(download);
        return await db.TunedModelsOf(caller).FirstOrDefaultAsync(m => m.Name == id, cancellationToken) is { } tuned ? await DescribeAsync(tuned, caller, cancellationToken) : null;
    }

    private async Task<ModelDetailsObject> DescribeAsync(ModelSource source, ModelDownload? download, Caller caller, CancellationToken cancellationToken)
    {
        ModelDetailsObject model = await WithFactsAsync(new() { Id = source.Id, Created = source.CreatedAt.ToUnixSeconds(), Status = Ready }, source, caller, cancellationToken);
        string folder = source.AdapterFolder ?? source.Folder;
        return model with
        {
            BaseModel = source.BaseId,
            Revision = HubOrigin.Read(folder)?.Commit,
            Download = download is not null && download.HasArrivedAt(folder) ? ModelDownloadObject.Of(download) : null,
        };
    }

    private static ModelDetailsObject Describe(ModelDownload download) => new()
    {
        Id = download.Model,
        Created = download.CreatedAt.ToUnixSeconds(),
        Status = download.Status == ModelDownloadStatus.Failed ? Failed : Downloading,
        Revision = download.Commit,
        Download = ModelDownloadObject.Of(download),
    };

    private async Task<ModelDetailsObject> DescribeAsync(TunedModel tuned, Caller caller, CancellationToken cancellationToken)
    {
        ModelDetailsObject model = new() { Id = tuned.Name, Created = tuned.Created, Status = Ready };
        if (await catalog.FindBaseAsync(tuned.Name, caller, cancellationToken) is { } source)
            model = await WithFactsAsync(model, source, caller, cancellationToken) with { BaseModel = source.BaseId ?? source.Id };
        else
            model = model with { Trainable = false, NotTrainableReason = "Its base model is not in the models folder any more." };
        string recipe = await db.Jobs.Where(j => j.Id == tuned.JobId).Select(j => j.Recipe).SingleAsync(cancellationToken);
        return model with { Method = WireNames.Of(RecipeJson.MethodOf(JsonElement.Parse(recipe))) };
    }

    private async Task<ModelDetailsObject> WithFactsAsync(ModelDetailsObject model, ModelSource source, Caller caller, CancellationToken cancellationToken)
    {
        ModelFacts facts = ModelFacts.Read(source.Folder);
        // The engine, which only workers have, knows more: what it said to the last job that started from this model.
        string? problem = facts.Problem ?? (await db.Jobs.AsNoTracking().VisibleTo(caller)
            .Where(j => j.Model == model.Id && (j.Status == JobStatus.Succeeded || j.Status == JobStatus.Failed))
            .OrderByDescending(j => j.CreatedAt).Select(j => new { j.ErrorCode, j.ErrorMessage }).FirstOrDefaultAsync(cancellationToken) is { ErrorCode: HubErrorCodes.UnsupportedModel } refused
            ? refused.ErrorMessage : null);
        return model with
        {
            Architecture = facts.Architecture,
            Parameters = facts.Parameters,
            SizeBytes = facts.Bytes,
            ContextLength = facts.ContextLength,
            Dtype = facts.Dtype,
            Tokenizer = facts.HasTokenizer,
            ChatTemplate = facts.HasChatTemplate,
            Trainable = problem is null,
            NotTrainableReason = problem,
        };
    }
}
