using System.Text.Json;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Reproduction;

/// <summary>The command <c>--reproduce</c>: runs the job of a manifest again and says whether the same adapter comes out.</summary>
public static class ReproduceCommand
{
    /// <summary>Runs it to its end.</summary>
    /// <param name="manifestPath">Path of a job's manifest.json.</param>
    /// <param name="dataFolder">Data folder of a service, where the job's files are looked for after the manifest's own folder.</param>
    /// <param name="modelsFolders">Folders of models, of which the first may not be there.</param>
    /// <param name="output">Takes what there is to tell.</param>
    /// <param name="cancellationToken">Interrupts training.</param>
    /// <returns>The process's exit code: 0 when the adapter is identical, 1 when it is not, 2 when the job cannot be run again, 130 when interrupted.</returns>
    public static async Task<int> RunAsync(string manifestPath, string dataFolder, IReadOnlyList<string> modelsFolders, TextWriter output, CancellationToken cancellationToken)
    {
        try
        {
            var manifest = Manifest.Parse(await File.ReadAllTextAsync(manifestPath, cancellationToken));
            var digests = new FileDigests();
            var search = new ContentSearch([(Path.GetDirectoryName(Path.GetFullPath(manifestPath))!, false), (dataFolder, true)], digests);
            return await new ReproducedRun(manifest, search, modelsFolders, digests, output).RunAsync(cancellationToken) ? 0 : 1;
        }
        catch (JsonException e)
        {
            output.WriteLine($"{manifestPath} is no manifest of a job: {e.Message}");
        }
        catch (Exception e) when (e is ReproductionException or IOException or UnauthorizedAccessException)
        {
            output.WriteLine(e.Message);
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
        return 2;
    }
}
