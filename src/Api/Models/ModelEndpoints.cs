using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Api.Paging;
using TrainingService.Domain.Jobs;
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
        // Ids hold slashes, which clients send as they are or as %2F.
        models.MapGet("/{**model}", GetModel);
        models.MapDelete("/{**model:minlength(1)}", DeleteModelEndpoint.DeleteModel);
    }

    /// <summary>List models</summary>
    /// <remarks>The models in the models folder, then what jobs made: tuned models and checkpoints, newest first.</remarks>
    /// <response code="200">All models.</response>
    private static async Task<Ok<ListPage<ModelObject>>> ListModels(Caller caller, TrainingDbContext db, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        List<ModelObject> models = [.. catalog.ListFolders().Select(Describe), .. (await Made(db, caller).ToListAsync(cancellationToken)).Select(Describe).OrderByDescending(m => m.Created)];
        return TypedResults.Ok((models, false).ToPage(m => m.Id, m => m));
    }

    /// <summary>Get a model</summary>
    /// <param name="model" example="demo-model">The model's id.</param>
    /// <response code="200">The model.</response>
    /// <response code="404">The model 'llama' does not exist. Known are demo-model.</response>
    private static async Task<Results<Ok<ModelObject>, ApiError>> GetModel(string model, Caller caller, TrainingDbContext db, ModelCatalog catalog, CancellationToken cancellationToken)
    {
        string id = model.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (catalog.ListFolders().FirstOrDefault(m => m.Id == id) is { } source) return TypedResults.Ok(Describe(source));
        if (await Made(db, caller).FirstOrDefaultAsync(m => m.Name == id, cancellationToken) is { } made) return TypedResults.Ok(Describe(made));
        return NoSuchModel(id, catalog);
    }

    public static ApiError NoSuchModel(string id, ModelCatalog catalog) => new(StatusCodes.Status404NotFound,
        $"The model '{id}' does not exist. Known are {string.Join(", ", catalog.ListFolders().Select(m => m.Id).DefaultIfEmpty("none"))}, and what jobs made.", "model", "model_not_found");

    private static IQueryable<MadeModel> Made(TrainingDbContext db, Caller caller)
    {
        IQueryable<FineTuningJob> jobs = db.Jobs.VisibleTo(caller);
        return jobs.Where(j => j.FineTunedModel != null && j.AdapterKey != null).Select(j => new MadeModel { Name = j.FineTunedModel!, CreatedAt = j.FinishedAt ?? j.CreatedAt })
            .Concat(db.Checkpoints.Where(c => jobs.Any(j => j.Id == c.JobId)).Select(c => new MadeModel { Name = c.ModelName, CreatedAt = c.CreatedAt }));
    }

    private static ModelObject Describe(ModelSource source) => new(source.Id, source.CreatedAt.ToUnixSeconds(), TunedModelName.Organization);

    private static ModelObject Describe(MadeModel made) =>
        new(made.Name, DateTime.SpecifyKind(made.CreatedAt, DateTimeKind.Utc).ToUnixSeconds(), TunedModelName.Organization);

    private sealed class MadeModel
    {
        public required string Name { get; init; }
        public required DateTime CreatedAt { get; init; }
    }
}
