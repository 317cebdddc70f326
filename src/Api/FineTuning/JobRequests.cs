using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Files;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Api.FineTuning;

/// <summary>A job's request, read, and what it names.</summary>
/// <param name="Request">The request.</param>
/// <param name="Recipe">The resolved recipe; a setting with a problem has its default.</param>
/// <param name="ModelExists">Whether there is a model of the name.</param>
/// <param name="TrainingFile">The training file; null where the request names none that can be used.</param>
/// <param name="ValidationFile">The validation file, likewise.</param>
/// <param name="Problems">Everything that is wrong.</param>
internal sealed record ReadJob(
    CreateJobRequest Request, TrainingRecipe Recipe, bool ModelExists, StoredFile? TrainingFile, StoredFile? ValidationFile, IReadOnlyList<RecipeProblem> Problems);

/// <summary>Reads the requests that create and validate jobs.</summary>
internal sealed class JobRequests(TrainingDbContext db, ModelCatalog models, FileFit fit, TimeProvider timeProvider)
{
    // The order in which a person reads a request: model and files before settings.
    private static readonly string[] s_order = ["model", "training_file", "validation_file", "method"];

    private static readonly JsonDocumentOptions s_json = new() { AllowDuplicateProperties = false };

    /// <summary>The request with all its problems, or why it cannot be read at all.</summary>
    public async Task<(ReadJob? Job, ApiError? Error)> ReadAsync(HttpRequest http, Caller caller, CancellationToken cancellationToken)
    {
        if (!http.HasJsonContentType()) return (null, ApiError.UnsupportedMediaType(http.ContentType));
        CreateJobRequest request;
        TrainingRecipe recipe;
        List<RecipeProblem> problems;
        bool isDefaulted;
        try
        {
            using JsonDocument body = await JsonDocument.ParseAsync(http.Body, s_json, cancellationToken);
            (request, recipe, IReadOnlyList<RecipeProblem> read) = CreateJobReader.Read(body.RootElement);
            problems = [.. read];
            isDefaulted = request.Method is null && !problems.Exists(p => p.Param.StartsWith("method", StringComparison.Ordinal));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Half a surrogate pair or bytes that are no UTF-8 are found only when the text is read: InvalidOperationException.
            return (null, ApiError.BadRequest($"The request's body is not valid JSON: {e.Message}"));
        }
        bool exists = await FindModelAsync(request.Model, caller, problems, cancellationToken);
        if (exists) problems.AddRange(AdapterProblems(request, recipe));
        StoredFile? training = await FindFileAsync("training_file", request.TrainingFile, recipe, caller, problems, cancellationToken);
        StoredFile? validation = await FindFileAsync("validation_file", request.ValidationFile, recipe, caller, problems, cancellationToken);
        // OpenAI's own default is supervised; whoever sends pairs and forgets the method wants to learn from the preference.
        if (isDefaulted && training is not null && RowShape.Named(training.Format) is { Kind: RowKind.Preference })
            problems.Add(new("method", $"{training.Id} holds preference pairs, but a request without method is a supervised one, as OpenAI's are. Add \"method\": {{\"type\": \"dpo\"}} to train on the preferences, or {{\"type\": \"supervised\"}} to imitate the chosen completions."));
        return (new(request, recipe, exists, training, validation, problems), null);
    }

    public static IEnumerable<RecipeProblem> InReadingOrder(IEnumerable<RecipeProblem> problems) =>
        problems.OrderBy(p => Array.IndexOf(s_order, p.Param) is >= 0 and int place ? place : s_order.Length);

    /// <summary>The one error that tells all problems.</summary>
    public static ApiError ErrorOf(IEnumerable<RecipeProblem> problems)
    {
        RecipeProblem[] ordered = [.. InReadingOrder(problems)];
        string? code = ordered[0].Param == "model" ? "model_not_available" : null;
        string? param = ordered[0].Param is { Length: > 0 } path ? path : null;
        return ApiError.BadRequest(ordered is [var only] ? only.Message
            : $"The request has {(ordered.Length >= RecipeProblem.Most ? "at least " : "")}{ordered.Length} problems:\n{string.Join('\n', ordered.Select(p => p.Message))}", param, code);
    }

    private IEnumerable<RecipeProblem> AdapterProblems(CreateJobRequest request, TrainingRecipe recipe) =>
        models.ListFolders().FirstOrDefault(m => m.Id == request.Model) is { AdapterFolder: null } source
            ? AdapterFit.ProblemsOfTargets(source.Folder, recipe)
            // What jobs made, and folders that name another model as their base.
            : AdapterFit.ProblemsOfStart(request.Model, request.Method?.GivenLora ?? [], recipe.Method);

    private async Task<bool> FindModelAsync(string id, Caller caller, List<RecipeProblem> problems, CancellationToken cancellationToken)
    {
        if (id.Length == 0) return false;
        if (await models.ExistsAsync(id, caller, cancellationToken)) return true;
        string[] known = [.. models.ListFolders().Select(m => m.Id)];
        problems.Add(new("model", $"Model {id} is not available for fine-tuning or does not exist. {(known.Length > 0 ? $"Known are {string.Join(", ", known)}, and the models that jobs made." : "There are no models yet: put one into the models folder.")}"));
        return false;
    }

    private async Task<StoredFile?> FindFileAsync(string param, string? id, TrainingRecipe recipe, Caller caller, List<RecipeProblem> problems, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(id)) return null;
        StoredFile? file = await db.Files.AsNoTracking().VisibleTo(caller).Unexpired(timeProvider).SingleOrDefaultAsync(f => f.Id == id, cancellationToken);
        if (file is { Purpose: FilePurpose.FineTune })
        {
            // A file is not measured against a mapping that is itself at fault.
            bool isMappingAtFault = problems.Any(p => p.Param.StartsWith(RecipeJson.ColumnsParam(recipe.Method), StringComparison.Ordinal));
            if (isMappingAtFault || fit.ProblemOf(param, file, recipe.Method, recipe.Columns) is not { } problem) return file;
            problems.Add(problem);
            return null;
        }
        problems.Add(new(param, file is null
            ? $"invalid {param}: {id}. There is no such file; upload it by POST /v1/files and give the id of the answer."
            : $"invalid {param}: {id} has the purpose {file.Purpose}; upload it with the purpose {FilePurpose.FineTune}."));
        return null;
    }
}
