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

/// <summary>Finds a job's model and turns its files into rows of token ids.</summary>
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
        RowPreparer preparer = RowPreparer.Load(source.Folder, PreparationOptions.Of(recipe), new MomentOfJob(job.CreatedAt));

        StoredFile trainingFile = await FindFileAsync(job.TrainingFileId, "training", interrupted);
        if (recipe.ValidationSplit is { } share)
        {
            ValidationSplit split = ValidationSplit.Of(Read(trainingFile, recipe, interrupted), share, recipe.Seed)
                ?? throw new JobRefusedException("no_validation_rows", ValidationSplit.OnePrompt, "training_file");
            recorder.Record(events.Split(split));
            PreparedDataset left = Prepare(Read(trainingFile, recipe, interrupted).Where(row => !split.IsValidation(row)), "training", "training_file", preparer, trainedPrompts: null, interrupted);
            PreparedDataset aside = Prepare(Read(trainingFile, recipe, interrupted).Where(split.IsValidation), "validation", "training_file", preparer, left.Prompts, interrupted);
            recorder.Record([.. events.FileChecked("training", left.Report), .. events.FileChecked("validation", aside.Report)]);
            return new(job, source, recipe, trainingFile, left, aside);
        }
        PreparedDataset train = Prepare(Read(trainingFile, recipe, interrupted), "training", "training_file", preparer, trainedPrompts: null, interrupted);
        recorder.Record(events.FileChecked("training", train.Report));
        if (job.ValidationFileId is not { } validationFileId) return new(job, source, recipe, trainingFile, train, Validation: null);
        StoredFile validationFile = await FindFileAsync(validationFileId, "validation", interrupted);
        PreparedDataset validation = Prepare(Read(validationFile, recipe, interrupted), "validation", "validation_file", preparer, train.Prompts, interrupted);
        recorder.Record(events.FileChecked("validation", validation.Report));
        return new(job, source, recipe, trainingFile, train, validation) { ValidationFile = validationFile };
    }

    private async Task<StoredFile> FindFileAsync(string fileId, string role, CancellationToken cancellationToken)
    {
        await using TrainingDbContext db = await contexts.CreateDbContextAsync(cancellationToken);
        return await db.Files.AsNoTracking().SingleOrDefaultAsync(f => f.Id == fileId, cancellationToken)
            ?? throw new JobRefusedException("file_not_found", $"The {role} file {fileId} was deleted before the job could read it.", $"{role}_file");
    }

    private IEnumerable<TrainingRow> Read(StoredFile file, TrainingRecipe recipe, CancellationToken cancellationToken)
    {
        using Stream rows = files.OpenRead(file.StorageKey);
        foreach (TrainingRow row in TrainingFile.Read(rows, recipe.Columns, cancellationToken)) yield return row;
    }

    private static PreparedDataset Prepare(
        IEnumerable<TrainingRow> rows, string role, string param, RowPreparer preparer, TokenSet? trainedPrompts, CancellationToken cancellationToken)
    {
        PreparedDataset prepared = preparer.Prepare(rows, trainedPrompts, cancellationToken);
        if (prepared.Report.Errors is { Count: > 0 } errors)
            throw new JobRefusedException("invalid_" + param, $"The {role} rows do not fit this model: {RowGroup.Tell(errors)}", param);
        if (prepared.Rows.Count == 0)
            throw new JobRefusedException("no_usable_rows", $"None of the {prepared.Report.Rows} {role} rows can be used: {RowGroup.Tell(prepared.Report.Dropped)}", param);
        return prepared;
    }
}
