using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TrainingService.Inference.Errors;
using TrainingService.Storage.Files;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;
using TrainingService.Training.Exports;
using TrainingService.Training.Models;

namespace TrainingService.Inference.Exports;

/// <summary>
/// Makes other forms of a tuned model on demand: its base with the adapter merged in, or the adapter for llama.cpp. One at a
/// time, since each takes a core and the disk to itself; the others wait.
/// </summary>
internal sealed class ModelExporter(ModelCatalog models, IFileStore files, ILogger<ModelExporter> logger) : IDisposable
{
    private const string ExportsFolder = "exports";

    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>The base model with the adapter merged in, in Hugging Face's form.</summary>
    public Task<ExportedFiles> MergeAsync(string model, Caller caller, CancellationToken cancellationToken) =>
        ExportAsync(model, caller, (source, folder, name) => ModelExport.WriteMerged(source.Folder, source.AdapterFolder!, folder, cancellationToken: cancellationToken), cancellationToken);

    /// <summary>The adapter as a GGUF file.</summary>
    public Task<ExportedFiles> ToGgufAsync(string model, Caller caller, CancellationToken cancellationToken) =>
        ExportAsync(model, caller, (source, folder, name) =>
        {
            Directory.CreateDirectory(folder);
            GgufLora.Write(source.Folder, source.AdapterFolder!, Path.Combine(folder, $"{name}.gguf"), cancellationToken: cancellationToken);
        }, cancellationToken);

    public void Dispose() => _turn.Dispose();

    private async Task<ExportedFiles> ExportAsync(string model, Caller caller, Action<ModelSource, string, string> write, CancellationToken cancellationToken)
    {
        ModelSource source = await models.FindAsync(model, caller, cancellationToken) ?? throw new RequestException(StatusCodes.Status404NotFound,
            $"The model '{model}' does not exist. GET /v1/models lists those that do.", "model", "model_not_found");
        if (source.AdapterFolder is null) throw RequestException.Bad($"The model '{model}' has no adapter: there is nothing to export but its own folder.", "model");

        string name = string.Concat(model.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-'));
        string folder = Path.Combine(files.WorkFolder(ExportsFolder), Guid.NewGuid().ToString("n"));
        var exported = new ExportedFiles(name, folder);
        await _turn.WaitAsync(cancellationToken);
        try
        {
            logger.LogInformation("Exporting {Model}", model);
            // Minutes of arithmetic are no work for the threads that answer requests.
            await Task.Factory.StartNew(() => write(source, folder, name), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            return exported;
        }
        catch (Exception e)
        {
            await exported.DisposeAsync();
            if (e is ModelFormatException) throw RequestException.Bad($"The model '{model}' cannot be exported: {e.Message}", "model", "model_not_exportable");
            throw;
        }
        finally
        {
            _turn.Release();
        }
    }
}
