using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;

namespace TrainingService.Worker.Jobs;

/// <summary>Finds a job's model and turns its files into pairs of token ids.</summary>
internal sealed class RunPlanner(IDbContextFactory<TrainingDbContext> contexts, IFileStore files, ModelCatalog models)
{
    /// <exception cref="JobRefusedException">Model or files cannot be used.</exception>
    public async Task<RunPlan> PlanAsync(FineTuningJob job, JobEvents events, RunRecorder recorder)
    {
        CancellationToken interrupted = recorder.Interrupted;
        using JsonDocument recipeJson = JsonDocument.Parse(job.Recipe);
        TrainingRecipe recipe = RecipeJson.ReadResolved(recipeJson.RootElement, job.Seed);
        ModelSource source = await models.FindAsync(job.Model, Caller.Service, interrupted)
            ?? throw new JobRefusedException("model_not_found", $"There is no model '{job.Model}' any more. GET /v1/models lists those there are.", "model");
        ModelTokenizer tokenizer = ModelTokenizer.Load(source.Folder);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(source.Folder, tokenizer, new MomentOfJob(job.CreatedAt)), new(recipe.MaxLength, recipe.MaxPromptLength));

        PreparedDataset train = await PrepareAsync(job.TrainingFileId, "training", preparer, trainedPrompts: null, interrupted);
        recorder.Record(events.FileChecked("training", train.Report));
        PreparedDataset? validation = null;
        if (job.ValidationFileId is { } validationFile)
        {
            validation = await PrepareAsync(validationFile, "validation", preparer, train.Prompts, interrupted);
            recorder.Record(events.FileChecked("validation", validation.Report));
        }
        return new(job, source, recipe, train, validation);
    }

    private async Task<PreparedDataset> PrepareAsync(
        string fileId, string role, RowPreparer preparer, TokenSet? trainedPrompts, CancellationToken cancellationToken)
    {
        string param = $"{role}_file";
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        StoredFile file = await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == fileId, cancellationToken)
            ?? throw new JobRefusedException("file_not_found", $"The {role} file {fileId} was deleted before the job could read it.", param);
        await using Stream rows = files.OpenRead(file.StorageKey);
        PreparedDataset prepared = preparer.Prepare(TrainingFile.Read(rows), trainedPrompts, cancellationToken);

        if (prepared.Report.Errors is { Count: > 0 } errors)
            throw new JobRefusedException("invalid_" + param, $"The {role} file does not fit this model: {RowGroup.Tell(errors)}", param);
        if (prepared.Pairs.Count == 0)
            throw new JobRefusedException("no_usable_rows", $"None of the {prepared.Report.Rows} rows of the {role} file can be used: {RowGroup.Tell(prepared.Report.Dropped)}", param);
        return prepared;
    }
}
