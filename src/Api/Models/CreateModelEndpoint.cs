using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;
using TrainingService.Api.Errors;
using TrainingService.Api.FineTuning;
using TrainingService.Api.Hosting;
using TrainingService.Api.Repeats;
using TrainingService.Domain.Errors;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.Models;

internal static class CreateModelEndpoint
{
    private const string MainBranch = "main";
    private const int LongestBody = 4096;

    // What a client waits for to learn that it mistyped a name.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <summary>Maps it for administrators: a model fills the disk, and may be one that the operator's token opens.</summary>
    public static void MapCreateModel(this IEndpointRouteBuilder models) => models.MapPost("", CreateModel)
        .MayBeRepeated()
        .RequireAuthorization(KeyHosting.AdminPolicy)
        .Accepts<CreateModelRequest>("application/json")
        .WithMetadata(new RequestSizeLimitAttribute(LongestBody));

    /// <summary>Get a model from the Hub</summary>
    /// <remarks>
    /// Fetches a model, or a LoRA adapter of a model that is here, from the Hugging Face Hub into the models folder, under its
    /// id there. What would make it useless is told before anything is fetched. The answer is the model, `downloading`;
    /// its progress stands on it, and its events stream it. Asked again, the answer is how it stands; after a failure
    /// it goes on with what has arrived. Takes an administrator's key.
    /// </remarks>
    /// <response code="200">The model, downloading or ready.</response>
    /// <response code="400">acme/tiny has its weights as pickle files (pytorch_model.bin), which can run code when opened.</response>
    /// <response code="403">meta-llama/Llama-3.2-1B is gated: its owner gives access to accounts that ask for it.</response>
    /// <response code="404">huggingface.co has no model 'acme/tyni', or it is private and HF_TOKEN is not a token that opens it.</response>
    /// <response code="409">acme/tiny needs 14.20 GB more, but the disk of the models folder has 3.10 GB free.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: files are sent as multipart/form-data, everything else as application/json.</response>
    /// <response code="503">huggingface.co cannot be reached: Name or service not known</response>
    private static async Task<Results<Ok<ModelDetailsObject>, ApiError>> CreateModel(
        HttpRequest http, Caller caller, DownloadPlanner planner, HubDownloader downloader, ModelDescriptions models, TrainingDbContext db,
        JobQueueing queue, IOptions<StorageOptions> storage, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        (CreateModelRequest? request, ApiError? error) = await JsonBody.ReadAsync<CreateModelRequest>(http, cancellationToken);
        if (request is null) return error!;
        if (request.Model is not { } asked || !HubModelId.IsValid(asked))
            return ApiError.BadRequest($"model is {(request.Model is null ? "missing" : $"'{Excerpt.Of(request.Model)}'")}; it must be an id of the Hub, owner/name.", "model");
        if (request.Revision is { } wanted && !HubModelId.IsRevision(wanted))
            return ApiError.BadRequest($"revision is '{Excerpt.Of(wanted)}'; it must be a branch, a tag or a commit.", "revision");
        if (await models.FindAsync(asked, caller, cancellationToken) is { Status: not ModelDescriptions.Failed } there
            && (request.Revision is null || request.Revision == there.Revision))
            return TypedResults.Ok(there);

        try
        {
            DownloadPlan plan = await PlanAsync(planner, asked, request.Revision ?? MainBranch, cancellationToken);
            string id = plan.Repository.Model;
            // Under the Hub's spelling of the name, and by what the revision is.
            ModelDetailsObject? present = await models.FindAsync(id, caller, cancellationToken);
            bool isSame = present?.Revision == plan.Repository.Commit;
            if (present is { Status: not ModelDescriptions.Failed }) return isSame ? TypedResults.Ok(present) : Occupied(present, plan);

            if (Directory.Exists(storage.Value.ModelsFolder)) downloader.RequireSpace(plan, storage.Value.ModelsFolder, isSame ? present!.Download!.BytesDone : 0);
            ModelDownload download = await db.QueueDownloadAsync(plan, request.Revision ?? MainBranch, caller.Owner, timeProvider.GetUtcNow().UtcDateTime, cancellationToken);
            if (download.CancelRequested) return ApiError.Temporary($"{id} is being deleted. Ask again in a moment.", "model");
            queue.EnqueueDownload(id);
            return TypedResults.Ok((await models.FindAsync(id, caller, cancellationToken))!);
        }
        catch (HubException e)
        {
            return Explain(e);
        }
    }

    private static async Task<DownloadPlan> PlanAsync(DownloadPlanner planner, string model, string revision, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(s_patience);
        try
        {
            return await planner.PlanAsync(model, revision, timeout.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new HubException(HubErrorCodes.Unavailable, $"The Hub did not tell of {model} within {s_patience.TotalSeconds} seconds. Try again later.", e);
        }
    }

    private static ApiError Occupied(ModelDetailsObject present, DownloadPlan plan) => ApiError.Conflict(present.Status == ModelDescriptions.Ready
        ? $"{present.Id} is in the models folder {(present.Revision is { } commit ? $"at commit {commit}" : "and did not come from the Hub")}; what was asked for is commit {plan.Repository.Commit}. {(present.Download is null ? "Move its folder away first." : $"Delete it first by DELETE /v1/models/{present.Id}.")}"
        : $"{present.Id} is being fetched at commit {present.Revision}; what was asked for is commit {plan.Repository.Commit}. Wait for it, or cancel it by DELETE /v1/models/{present.Id}.", "revision");

    private static ApiError Explain(HubException e) => new(e.Code switch
    {
        HubErrorCodes.ModelNotFound or HubErrorCodes.RevisionNotFound => StatusCodes.Status404NotFound,
        HubErrorCodes.Gated or HubErrorCodes.AccessRefused => StatusCodes.Status403Forbidden,
        HubErrorCodes.NotEnoughDisk => StatusCodes.Status409Conflict,
        HubErrorCodes.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status400BadRequest,
    }, e.Message, e.Code == HubErrorCodes.RevisionNotFound ? "revision" : "model", e.Code);
}
