using Microsoft.Extensions.Options;
using TrainingService.Api.Hosting;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Files;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Files;
using TrainingService.Storage.Models;

namespace TrainingService.Api.FineTuning.Validation;

/// <summary>
/// Prepares a job's files as a worker would, without keeping their rows. Tokenizing takes a whole core, so only a few
/// requests do it at a time; the others wait, and a client that leaves ends its own.
/// </summary>
internal sealed class FileExaminer(IFileStore store, IOptions<ApiOptions> options) : IDisposable
{
    private readonly SemaphoreSlim _turns = new(options.Value.MaxValidations);

    /// <summary>What the files hold for this model; what is wrong with them or it is added to the problems.</summary>
    public async Task<(ExaminedDataset? Training, ExaminedDataset? Validation)> ExamineAsync(
        ModelSource source, StoredFile? training, StoredFile? validation, TrainingRecipe recipe, List<RecipeProblem> problems, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken);
        try
        {
            // Minutes of arithmetic are no work for the threads that answer requests.
            return await Task.Factory.StartNew(
                () => Examine(source, training, validation, recipe, problems, cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            _turns.Release();
        }
    }

    public void Dispose() => _turns.Dispose();

    private (ExaminedDataset?, ExaminedDataset?) Examine(
        ModelSource source, StoredFile? training, StoredFile? validation, TrainingRecipe recipe, List<RecipeProblem> problems, CancellationToken cancellationToken)
    {
        RowPreparer preparer;
        try
        {
            preparer = RowPreparer.Load(source.Folder, PreparationOptions.Of(recipe));
        }
        catch (Exception e) when (e is TokenizerFormatException or ChatTemplateException)
        {
            problems.Add(new("model", e.Message));
            return (null, null);
        }
        if (training is not null && recipe.ValidationSplit is { } share)
        {
            int before = problems.Count;
            ValidationSplit? split = Guarded(training, "training_file", problems, () => ValidationSplit.Of(Read(training, recipe, cancellationToken), share, recipe.Seed));
            if (split is null)
            {
                if (problems.Count == before) problems.Add(new("training_file", ValidationSplit.OnePrompt));
                return (null, null);
            }
            ExaminedDataset? left = Examine(training, "training_file", recipe, row => !split.IsValidation(row), preparer, null, problems, cancellationToken);
            return (left, Examine(training, "training_file", recipe, split.IsValidation, preparer, left?.Prompts, problems, cancellationToken));
        }
        ExaminedDataset? trained = Examine(training, "training_file", recipe, _ => true, preparer, null, problems, cancellationToken);
        return (trained, Examine(validation, "validation_file", recipe, _ => true, preparer, trained?.Prompts, problems, cancellationToken));
    }

    private ExaminedDataset? Examine(
        StoredFile? file, string param, TrainingRecipe recipe, Func<TrainingRow, bool> isTaken, RowPreparer preparer, TokenSet? trainedPrompts, List<RecipeProblem> problems, CancellationToken cancellationToken)
    {
        if (file is null || Guarded(file, param, problems, () => preparer.Examine(Read(file, recipe, cancellationToken).Where(isTaken), trainedPrompts, cancellationToken)) is not { } examined) return null;
        if (examined.Report.Errors is { Count: > 0 } errors)
            problems.Add(new(param, $"{file.Id} does not fit this model: {RowGroup.Tell(errors)}"));
        else if (examined.Report.Kept == 0)
            problems.Add(new(param, $"None of the {examined.Report.Rows} rows of {file.Id} can be used: {RowGroup.Tell(examined.Report.Dropped)}"));
        return examined;
    }

    private IEnumerable<TrainingRow> Read(StoredFile file, TrainingRecipe recipe, CancellationToken cancellationToken)
    {
        using Stream rows = store.OpenRead(file.StorageKey);
        foreach (TrainingRow row in TrainingFile.Read(rows, recipe.Columns, cancellationToken)) yield return row;
    }

    private T? Guarded<T>(StoredFile file, string param, List<RecipeProblem> problems, Func<T?> read) where T : class
    {
        try
        {
            return read();
        }
        catch (TrainingFileException e)
        {
            problems.Add(new(param, $"{file.Id} changed since it was checked: {e.Message}"));
            return null;
        }
        catch (FileStoreException) when (!store.Exists(file.StorageKey))
        {
            problems.Add(new(param, $"{file.Id} was deleted meanwhile; upload it again."));
            return null;
        }
    }
}
