using System.IO.Compression;
using Microsoft.EntityFrameworkCore;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Models;
using TrainingService.Training.Native;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Reproduction;

/// <summary>Runs the job of a manifest again and compares the adapters.</summary>
/// <param name="manifest">The job.</param>
/// <param name="files">Where its files are looked for.</param>
/// <param name="modelsFolders">Where its models are.</param>
/// <param name="digests">Hashes of files.</param>
/// <param name="output">Takes what there is to tell.</param>
internal sealed class ReproducedRun(Manifest manifest, ContentSearch files, IReadOnlyList<string> modelsFolders, FileDigests digests, TextWriter output)
{
    /// <returns>Whether the adapter came out the same, bit for bit.</returns>
    /// <exception cref="ReproductionException">Something is missing, differs, or the job failed.</exception>
    public async Task<bool> RunAsync(CancellationToken cancellationToken)
    {
        Ingredients ingredients = manifest.Ingredients;
        string training = await FindAsync("training", ingredients.TrainingFile, cancellationToken);
        string? validation = ingredients.ValidationFile is { } file ? await FindAsync("validation", file, cancellationToken) : null;
        await CheckModelAsync(ingredients, cancellationToken);
        output.WriteLine("Files of rows and model are those of the manifest.");
        bool samePlace = TellWhatDiffers();

        DirectoryInfo folder = Directory.CreateTempSubdirectory("reproduction-");
        try
        {
            output.WriteLine($"Running {manifest.Job} again …");
            using ZipArchive made = new(new MemoryStream(await TrainAsync(folder.FullName, training, validation, cancellationToken)));
            return await CompareAsync(made, samePlace, cancellationToken);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private async Task<string> FindAsync(string role, HashedFile wanted, CancellationToken cancellationToken)
    {
        if (await files.FindAsync(wanted, cancellationToken) is { } path) return path;
        throw new ReproductionException(files.Named(wanted.Name) is { } other
            ? $"The {role} file {wanted.Name} has changed: {other.FullName} has {other.Length} bytes and sha256 {await digests.OfAsync(other.FullName, cancellationToken)}, the manifest says {wanted.Bytes} and {wanted.Sha256}."
            : $"The {role} file {wanted.Name} ({wanted.Bytes} bytes, sha256 {wanted.Sha256}) is not beside the manifest and not in the data folder; put it beside the manifest, under any name.");
    }

    private async Task CheckModelAsync(Ingredients ingredients, CancellationToken cancellationToken)
    {
        var models = new ModelFolder(modelsFolders);
        string id = ingredients.StartAdapter?.Id ?? ingredients.BaseModel.Id;
        if (models.Find(id) is not { } source)
            throw new ReproductionException(ingredients.StartAdapter is not null && models.Find(ingredients.BaseModel.Id) is not null
                ? $"The job started from the adapter {id}: unpack it into the folder {Path.Combine(modelsFolders[0], id)}."
                : $"There is no model {id} in {string.Join(" or ", modelsFolders)}.");
        await CheckAsync(ingredients.BaseModel, source.Folder, cancellationToken);
        if (ingredients.StartAdapter is { } adapter) await CheckAsync(adapter, source.AdapterFolder ?? source.Folder, cancellationToken);
    }

    private async Task CheckAsync(HashedModel model, string folder, CancellationToken cancellationToken)
    {
        foreach (HashedFile wanted in model.Files)
        {
            string path = Path.Combine(folder, wanted.Name);
            if (!File.Exists(path)) throw new ReproductionException($"{wanted.Name} of {model.Id} is missing in {folder}.");
            if (await digests.OfAsync(path, cancellationToken) is var sha256 && sha256 != wanted.Sha256)
                throw new ReproductionException($"{wanted.Name} of {model.Id} has changed: {path} has sha256 {sha256}, the manifest says {wanted.Sha256}.");
        }
    }

    /// <summary>Says what of software and machine is otherwise than it was.</summary>
    /// <returns>Whether nothing is.</returns>
    private bool TellWhatDiffers()
    {
        (Versions versions, Hardware hardware) = (Versions.Here(), Hardware.Here());
        (string What, object? Then, object? Now)[] places =
        [
            ("service", manifest.Versions.Service, versions.Service), (".NET", manifest.Versions.Dotnet, versions.Dotnet),
            ("TorchSharp", manifest.Versions.TorchSharp, versions.TorchSharp), ("libtorch", manifest.Versions.Libtorch, versions.Libtorch),
            ("device", manifest.Hardware.Device, hardware.Device), ("GPU", manifest.Hardware.Gpu, hardware.Gpu),
            ("processor", manifest.Hardware.Cpu, hardware.Cpu), ("cores", manifest.Hardware.Cores, hardware.Cores),
        ];
        var others = places.Where(p => !Equals(p.Then, p.Now)).ToList();
        others.ForEach(p => output.WriteLine($"Note: {p.What} was {p.Then ?? "none"} and is {p.Now ?? "none"}."));
        return others.Count == 0;
    }

    /// <summary>Takes the job through the same runner, over a storage of its own.</summary>
    /// <returns>The adapter's zip.</returns>
    private async Task<byte[]> TrainAsync(string folder, string training, string? validation, CancellationToken cancellationToken)
    {
        TorchRuntime.Initialize();
        HostApplicationBuilder builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            // Nobody would try it again.
            [$"{WorkerOptions.Section}:{nameof(WorkerOptions.MaxAttemptsWithoutProgress)}"] = "1",
            ["Storage:Provider"] = nameof(StorageProvider.Sqlite),
            ["Storage:ConnectionString"] = $"Data Source={Path.Combine(folder, "training.db")};Pooling=False",
            ["Storage:FilesFolder"] = Path.Combine(folder, "files"),
            ["Storage:ModelsFolder"] = modelsFolders[0],
            ["Storage:SamplesFolder"] = modelsFolders.Count > 1 ? modelsFolders[1] : null,
        });
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.AddStorage();
        builder.Services.AddJobRunner();
        using IHost host = builder.Build();
        await host.StartAsync(cancellationToken);
        try
        {
            IFileStore store = host.Services.GetRequiredService<IFileStore>();
            await using TrainingDbContext db = await host.Services.GetRequiredService<IDbContextFactory<TrainingDbContext>>().CreateDbContextAsync(cancellationToken);
            string trainingId = await AddAsync(db, store, training, manifest.Ingredients.TrainingFile, "training", cancellationToken);
            string? validationId = validation is null ? null : await AddAsync(db, store, validation, manifest.Ingredients.ValidationFile!, "validation", cancellationToken);
            string model = manifest.Ingredients.StartAdapter?.Id ?? manifest.Ingredients.BaseModel.Id;
            db.Add(new FineTuningJob(manifest.Job, model, trainingId, validationId, manifest.Recipe(), manifest.Seed, suffix: null, metadata: null, manifest.CreatedAt));
            await db.SaveChangesAsync(cancellationToken);

            await host.Services.GetRequiredService<IJobRunner>().RunAsync(manifest.Job, cancellationToken);
            FineTuningJob job = await db.Jobs.AsNoTracking().SingleAsync(j => j.Id == manifest.Job, cancellationToken);
            if (job.AdapterKey is null) throw new ReproductionException($"The job did not succeed: {job.ErrorMessage ?? "it was interrupted."}");
            using var zip = new MemoryStream();
            await using (Stream stored = store.OpenRead(job.AdapterKey)) await stored.CopyToAsync(zip, cancellationToken);
            return zip.ToArray();
        }
        finally
        {
            await host.StopAsync(CancellationToken.None);
        }
    }

    private static async Task<string> AddAsync(TrainingDbContext db, IFileStore store, string path, HashedFile file, string role, CancellationToken cancellationToken)
    {
        string id = $"file-{role}", key = $"files/{id}";
        await using FileStoreWriter writer = store.Create(key);
        await using (FileStream rows = File.OpenRead(path)) await rows.CopyToAsync(writer, cancellationToken);
        StoredContent content = await writer.CommitAsync(cancellationToken);
        var stored = new StoredFile(id, file.Name, FilePurpose.FineTune, content.Bytes, key, TimeProvider.System.GetUtcNow().UtcDateTime);
        stored.RecordDigest(content.Sha256);
        db.Add(stored);
        return id;
    }

    private async Task<bool> CompareAsync(ZipArchive made, bool samePlace, CancellationToken cancellationToken)
    {
        List<string> others = [];
        foreach (HashedFile wanted in manifest.Adapter)
        {
            await using Stream content = await made.GetEntry(wanted.Name)!.OpenAsync(cancellationToken);
            if (await FileDigests.OfAsync(content, cancellationToken) != wanted.Sha256) others.Add(wanted.Name);
        }
        if (others.Count == 0)
        {
            output.WriteLine("The adapter is identical, bit for bit.");
            return true;
        }
        output.WriteLine($"The adapter differs in {string.Join(" and ", others)}.");
        if (others.Contains(IngredientHashes.AdapterWeights))
        {
            if (await files.FindAsync(manifest.AdapterArchive, cancellationToken) is { } path)
            {
                using ZipArchive original = ZipFile.OpenRead(path);
                output.WriteLine($"  {AdapterComparison.Of(await ReadAsync(original, IngredientHashes.AdapterWeights, cancellationToken), await ReadAsync(made, IngredientHashes.AdapterWeights, cancellationToken))}");
            }
            else output.WriteLine($"  How far cannot be told: {manifest.AdapterArchive.Name} is not beside the manifest and not in the data folder.");
        }
        output.WriteLine(samePlace
            ? "  Software and machine are the same, so the manifest's settings are not those that the adapter was made with."
            : "  Other processors, GPUs, thread counts and libtorch versions add floating-point numbers up in another order, and training magnifies the last bits.");
        return false;
    }

    private static async Task<byte[]> ReadAsync(ZipArchive zip, string name, CancellationToken cancellationToken)
    {
        await using Stream content = await zip.GetEntry(name)!.OpenAsync(cancellationToken);
        using var bytes = new MemoryStream();
        await content.CopyToAsync(bytes, cancellationToken);
        return bytes.ToArray();
    }
}
