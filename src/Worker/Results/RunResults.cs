using System.IO.Compression;
using System.Text;
using System.Text.Json;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Files;
using TrainingService.Worker.Diagnostics;
using TrainingService.Worker.Jobs;

namespace TrainingService.Worker.Results;

/// <summary>Stores the files that a finished job offers for download; their rows are saved with the job's end.</summary>
internal sealed class RunResults(IFileStore files, TimeProvider timeProvider)
{
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    public async Task<IReadOnlyList<StoredFile>> StoreAsync(RunPlan plan, RunHistory run, Ingredients ingredients)
    {
        // A copy: whoever deletes the file does not delete the model.
        StoredFile adapter = await StoreAsync(plan.Job, "adapter", "adapter.zip", async target =>
        {
            await using Stream stored = files.OpenRead(plan.AdapterKey);
            await stored.CopyToAsync(target);
        });
        Manifest manifest = await ManifestOfAsync(plan, ingredients, adapter);
        return
        [
            adapter,
            await StoreTextAsync(plan.Job, "metrics", "metrics.csv", writer => MetricsCsv.Write(writer, run.Logs)),
            await StoreTextAsync(plan.Job, "metrics-lines", "metrics.jsonl", writer => MetricsJsonLines.Write(writer, run.Logs)),
            await StoreTextAsync(plan.Job, "training_args", "training_args.json", writer => writer.WriteLine(TrainingArguments.Of(run.Recipe, plan.BaseModel).ToJsonString(s_indented))),
            await StoreTextAsync(plan.Job, "manifest", "manifest.json", writer => writer.Write(manifest.ToJson())),
        ];
    }

    private async Task<Manifest> ManifestOfAsync(RunPlan plan, Ingredients ingredients, StoredFile adapter) =>
        new()
        {
            Job = plan.Job.Id,
            CreatedAt = plan.Job.CreatedAt,
            Request = Manifest.RequestOf(plan.Job.Model, plan.Job.TrainingFileId, plan.Job.ValidationFileId, plan.Job.Suffix, plan.Job.Metadata, plan.Recipe),
            Ingredients = ingredients,
            Seed = plan.Recipe.Seed,
            Dtype = WireNames.Of(plan.Recipe.ComputeType),
            Adapter = await AdapterFilesAsync(adapter.StorageKey),
            AdapterArchive = new(adapter.Filename, adapter.Bytes, adapter.Sha256!) { Id = adapter.Id },
            Versions = Versions.Here(),
            Hardware = Hardware.Here(),
        };

    private async Task<IReadOnlyList<HashedFile>> AdapterFilesAsync(string key)
    {
        using var zip = new ZipArchive(files.OpenRead(key));
        var hashed = new List<HashedFile>();
        foreach (ZipArchiveEntry entry in zip.Entries.Where(e => IngredientHashes.AdapterFiles.Contains(e.Name)))
        {
            await using Stream content = await entry.OpenAsync();
            hashed.Add(new(entry.Name, entry.Length, await FileDigests.OfAsync(content, CancellationToken.None)));
        }
        return hashed;
    }

    private Task<StoredFile> StoreTextAsync(FineTuningJob job, string role, string name, Action<StreamWriter> write) => StoreAsync(job, role, name, async target =>
    {
        await using var writer = new StreamWriter(target, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        write(writer);
    });

    private async Task<StoredFile> StoreAsync(FineTuningJob job, string role, string name, Func<Stream, Task> write)
    {
        string id = StableIds.ResultFile(job.Id, role), key = $"files/{id}";
        await using FileStoreWriter writer = files.Create(key);
        await write(writer);
        StoredContent content = await writer.CommitAsync(CancellationToken.None);
        var file = new StoredFile(id, $"{job.Id}-{name}", FilePurpose.FineTuneResults, content.Bytes, key, timeProvider.GetUtcNow().UtcDateTime);
        file.GiveTo(job.OwnerId);
        file.RecordDigest(content.Sha256);
        return file;
    }
}
