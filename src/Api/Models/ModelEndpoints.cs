using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Api.Paging;
using TrainingService.Api.RateLimits;
using TrainingService.Domain.Models;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.Models;

internal static class ModelEndpoints
{
    public static void MapModels(this IEndpointRouteBuilder v1)
    {
        RouteGroupBuilder models = v1.MapGroup("/models").WithTags("Models");
        models.MapGet("", ListModels);
        models.MapCreateModel();
        // Ids hold slashes, which clients send as they are or as %2F.
        models.MapGet("/{model}/events", FollowModel).RequireRateLimiting(RateLimiting.Streams).Produces<ModelDownloadObject>(StatusCodes.Status200OK, "text/event-stream");
        models.MapGet("/{owner}/{name}/events", (string owner, string name, Caller caller, HttpResponse response, ModelDescriptions descriptions, ProgressStream progress,
            ModelCatalog catalog, CancellationToken cancellationToken) => FollowModel($"{owner}/{name}", caller, response, descriptions, progress, catalog, cancellationToken)).RequireRateLimiting(RateLimiting.Streams).ExcludeFromDescription();
        models.MapGet("/{**model}", GetModel);
        models.MapDelete("/{**model:minlength(1)}", DeleteModelEndpoint.DeleteModel);
    }

    /// <summary>List models</summary>
    /// <remarks>The models in the models folder, then what jobs made: tuned models and checkpoints, newest first.</remarks>
    /// <response code="200">All models.</response>
    private static async Task<Ok<ListPage<ModelObject>>> ListModels(Caller caller, TrainingDbContext db, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        List<string> going = await db.ModelDownloads.Where(ModelDownload.BeingDeleted).Select(d => d.Model).ToListAsync(cancellationToken);
        List<ModelObject> models = [.. catalog.ListFolders().Where(m => !going.Contains(m.Id)).Select(Describe), .. (await db.TunedModelsOf(caller).ToListAsync(cancellationToken)).Select(Describe).OrderByDescending(m => m.Created)];
        return TypedResults.Ok((models, false).ToPage(m => m.Id, m => m));
    }

    /// <summary>Get a model</summary>
    /// <remarks>
    /// What is known of it: architecture, size, context, chat template, whether it can be trained here and if not why; of a tuned
    /// model its base; of one from the Hub its commit, and how far it is while it is on its way.
    /// </remarks>
    /// <param name="model" example="demo-model">The model's id.</param>
    /// <response code="200">The model.</response>
    /// <response code="404">The model 'llama' does not exist. Known are demo-model.</response>
    private static async Task<Results<Ok<ModelDetailsObject>, ApiError>> GetModel(string model, Caller caller, ModelDescriptions models, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        string id = Decode(model);
        return await models.FindAsync(id, caller, cancellationToken) is { } found ? TypedResults.Ok(found) : NoSuchModel(id, catalog);
    }

    /// <summary>Follow a model on its way from the Hub</summary>
    /// <remarks>
    /// A stream of server-sent events: `progress` with how much has arrived, whenever that changes; silence is filled with
    /// comments; the last one, of the type `status`, holds the model once it is ready or has failed.
    /// </remarks>
    /// <param name="model" example="HuggingFaceTB%2FSmolLM2-135M-Instruct">The model's id.</param>
    /// <response code="200">The stream.</response>
    /// <response code="404">The model 'llama' does not exist. Known are demo-model.</response>
    private static async Task<Results<ServerSentEventsResult<object>, ApiError>> FollowModel(
        string model, Caller caller, HttpResponse response, ModelDescriptions models, ProgressStream progress, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        string id = Decode(model);
        return await models.FindAsync(id, caller, cancellationToken) is null
            ? NoSuchModel(id, catalog)
            : TypedResults.ServerSentEvents(progress.ReadAsync(id, caller, response, cancellationToken));
    }

    /// <summary>The id in a path; ASP.NET leaves an encoded slash as it is.</summary>
    public static string Decode(string model) => model.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);

    public static ApiError NoSuchModel(string id, ModelCatalog catalog) => new(StatusCodes.Status404NotFound,
        $"The model '{id}' does not exist. Known are {string.Join(", ", catalog.ListFolders().Select(m => m.Id).DefaultIfEmpty("none"))}, and what jobs made.", "model", "model_not_found");

    private static ModelObject Describe(ModelSource source) => new(source.Id, source.CreatedAt.ToUnixSeconds(), TunedModelName.Organization);

    private static ModelObject Describe(TunedModel tuned) => new(tuned.Name, tuned.Created, TunedModelName.Organization);
}
