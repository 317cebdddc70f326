using System.IO.Compression;
using TrainingService.Storage.Files;
using TrainingService.Training.Trainers;

namespace TrainingService.Worker.Jobs;

/// <summary>Puts the trainer's adapter into the file store as a zip in PEFT's format.</summary>
internal static class AdapterArchive
{
    // The same adapter gives the same bytes, whichever attempt stored it. 1980 is where a zip's calendar begins.
    private static readonly DateTimeOffset s_fixedTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static StoredContent Store(Trainer trainer, string modelCard, IFileStore files, string key)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("adapter-");
        try
        {
            trainer.SaveAdapter(folder.FullName);
            File.WriteAllText(Path.Combine(folder.FullName, "README.md"), modelCard);
            using FileStoreWriter writer = files.Create(key);
            using (var zip = new ZipArchive(writer, ZipArchiveMode.Create, leaveOpen: true))
                foreach (FileInfo file in folder.EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
                    Add(zip, file);
            return writer.CommitAsync(CancellationToken.None).GetAwaiter().GetResult();
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
