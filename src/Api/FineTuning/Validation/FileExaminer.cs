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
/// Prepares a job's files as a worker would, without keeping their pairs. Tokenizing takes a whole core, so only a few
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
            ModelTokenizer tokenizer = ModelTokenizer.Load(source.Folder);
            preparer = new(tokenizer, ChatTemplate.Load(source.Folder, tokenizer), new(recipe.MaxLength, recipe.MaxPromptLength));
        }
        catch (Exception e) when (e is TokenizerFormatException or ChatTemplateException)
        {
            problems.Add(new("model", e.Message));
            return (null, null);
        }
        ExaminedDataset? trained = Examine(training, "training_file", preparer, null, problems, cancellationToken);
        return (trained, Examine(validation, "validation_file", preparer, trained?.Prompts, problems, cancellationToken));
    }

    private ExaminedDataset? Examine(
        StoredFile? file, string param, RowPreparer preparer, TokenSet? trainedPrompts, List<RecipeProblem> problems, CancellationToken cancellationToken)
    {
        if (file is null) return null;
        try
        {
            using Stream rows = store.OpenRead(file.StorageKey);
            ExaminedDataset examined = preparer.Examine(TrainingFile.Read(rows), trainedPrompts, cancellationToken);
            if (examined.Report.Errors is { Count: > 0 } errors)
                problems.Add(new(param, $"{file.Id} does not fit this model: {RowGroup.Tell(errors)}"));
            else if (examined.Report.Pairs == 0)
                problems.Add(new(param, $"None of the {examined.Report.Rows} rows of {file.Id} can be used: {RowGroup.Tell(examined.Report.Dropped)}"));
            return examined;
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
