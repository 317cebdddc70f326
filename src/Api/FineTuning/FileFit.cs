using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Files;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Files;

namespace TrainingService.Api.FineTuning;

/// <summary>Says whether a job's method can learn from the rows of a file.</summary>
internal sealed class FileFit(IFileStore store)
{
    /// <summary>What keeps the method from the file; null when nothing does.</summary>
    /// <param name="param">The request's field that names the file.</param>
    /// <param name="file">The file.</param>
    /// <param name="method">The job's method.</param>
    /// <param name="mapping">Where the file's columns stand for fields of ours; null recognises its rows as they are.</param>
    public RecipeProblem? ProblemOf(string param, StoredFile file, TrainingMethod method, ColumnMapping? mapping)
    {
        RowShape? shape = mapping is null ? RowShape.Named(file.Format) : null;
        try
        {
            if (shape is null)
            {
                using Stream rows = store.OpenRead(file.StorageKey);
                shape = TrainingFile.ShapeOf(rows, mapping);
            }
            return MethodRows.Problem(method, shape) is { } problem ? new(param, $"{file.Id} does not fit the method. {problem}") : null;
        }
        catch (TrainingFileException e)
        {
            return new(param, $"{file.Id} cannot be read. {e.Message}");
        }
        catch (FileStoreException) when (!store.Exists(file.StorageKey))
        {
            return new(param, $"{file.Id} was deleted meanwhile; upload it again.");
        }
    }
}
