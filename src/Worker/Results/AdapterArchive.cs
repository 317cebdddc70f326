using System.IO.Compression;
using TrainingService.Storage.Files;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Diagnostics;
using TrainingService.Worker.Jobs;

namespace TrainingService.Worker.Results;

/// <summary>Puts the trainer's adapter into the file store as a zip in PEFT's format, with its card and the curves so far.</summary>
/// <param name="trainer">Has the adapter.</param>
/// <param name="plan">The job.</param>
/// <param name="data">Its files, in the card's words.</param>
/// <param name="run">Its logs.</param>
/// <param name="files">The store.</param>
internal sealed class AdapterArchive(Trainer trainer, RunPlan plan, string data, RunHistory run, IFileStore files)
{
    // The same adapter gives the same bytes, whichever attempt stored it. 1980 is where a zip's calendar begins.
    private static readonly DateTimeOffset s_fixedTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public void Store(string modelName, string key)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adapter-");
        try
        {
            trainer.SaveAdapter(folder.FullName);
            File.WriteAllText(Path.Combine(folder.FullName, "README.md"), ModelCard.Of(modelName, plan.BaseModel, run.Recipe, data, run.Logs));
            File.WriteAllText(Path.Combine(folder.FullName, ModelCard.CurvesFile), Curves.Svg(run.Logs));
            using FileStoreWriter writer = files.Create(key);
            using (var zip = new ZipArchive(writer, ZipArchiveMode.Create, leaveOpen: true))
                foreach (FileInfo file in folder.EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
                    Add(zip, file);
            writer.CommitAsync(CancellationToken.None).GetAwaiter().GetResult();
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Add(ZipArchive zip, FileInfo file)
    {
        // Weights do not compress, and a stored entry can be read in place.
        ZipArchiveEntry entry = zip.CreateEntry(file.Name, CompressionLevel.NoCompression);
        entry.LastWriteTime = s_fixedTime;
        using Stream content = file.OpenRead(), target = entry.Open();
        content.CopyTo(target);
    }
}
