using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Files;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Files;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;
using TrainingService.Worker.Reproduction;
using TrainingService.Worker.Results;
using TrainingService.Worker.Tests.Jobs;

namespace TrainingService.Worker.Tests.Reproduction;

public sealed class ReproductionTests(PostgresServer server)
{
    private static readonly TrainingRecipe s_recipe = DemoJobs.Recipe with { MaxSteps = 6, EvalSteps = 3, SaveStrategy = IntervalStrategy.No, LoggingSteps = 3 };

    /// <summary>A job that has run, and a folder with its manifest, as a client would have downloaded it.</summary>
    private async Task<(TestStorage Storage, string Folder)> RunAsync()
    {
        TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite, builder => builder.Services.AddJobRunner());
        await DemoJobs.AddAsync(storage, "ftjob-1", s_recipe);
        await storage.Get<IJobRunner>().RunAsync("ftjob-1", CancellationToken.None);
        string folder = Directory.CreateDirectory(Path.Combine(storage.Folder, "downloads")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "manifest.json"), await ReadAsync(storage, "ftjob-1-manifest.json"));
        return (storage, folder);
    }

    private static async Task<byte[]> ReadAsync(TestStorage storage, string name)
    {
        await using TrainingDbContext db = storage.CreateContext();
        StoredFile file = await db.Files.SingleAsync(f => f.Filename == name);
        using var bytes = new MemoryStream();
        await using Stream content = storage.Get<IFileStore>().OpenRead(file.StorageKey);
        await content.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    private static async Task<(int ExitCode, string Told)> ReproduceAsync(string folder, string data, string? models = null)
    {
        using var output = new StringWriter();
        int exitCode = await ReproduceCommand.RunAsync(Path.Combine(folder, "manifest.json"), data, [models ?? RepositoryRoot.PathOf("samples")], output, CancellationToken.None);
        return (exitCode, output.ToString());
    }

    [Fact]
    public async Task SameFilesOnTheSameMachine_GiveTheSameAdapter()
    {
        (TestStorage storage, string folder) = await RunAsync();
        await using (storage)
        {
            (int exitCode, string told) = await ReproduceAsync(folder, storage.Folder);
            Assert.Contains("The adapter is identical, bit for bit.", told, StringComparison.Ordinal);
            Assert.DoesNotContain("Note:", told, StringComparison.Ordinal);
            Assert.Equal(0, exitCode);
        }
    }

    [Fact]
    public async Task Manifest_HoldsWhatDecidedTheJob()
    {
        (TestStorage storage, string folder) = await RunAsync();
        await using (storage)
        {
            var manifest = Manifest.Parse(File.ReadAllText(Path.Combine(folder, "manifest.json")));
            Assert.Equal(("file-ftjob-1-train", "file-ftjob-1-validation"), (manifest.Ingredients.TrainingFile.Id, manifest.Ingredients.ValidationFile?.Id));
            Assert.Equal(["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "model.safetensors"], manifest.Ingredients.BaseModel.Files.Select(f => f.Name));
            HashedFile weights = manifest.Ingredients.BaseModel.Files[^1];
            byte[] model = File.ReadAllBytes(RepositoryRoot.PathOf("samples", "demo-model", "model.safetensors"));
            Assert.Equal((model.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(model))), (weights.Bytes, weights.Sha256));
            Assert.Equal((7, "float32"), (manifest.Seed, manifest.Dtype));
            Assert.StartsWith("2.10", manifest.Versions.Libtorch, StringComparison.Ordinal);
            Assert.True(manifest.Hardware is { Cores: > 0, MemoryBytes: > 0, Cpu.Length: > 0 });
            Assert.Equal("ftjob-1-adapter.zip", manifest.AdapterArchive.Name);
            Assert.Equal(manifest.AdapterArchive.Sha256, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(await ReadAsync(storage, "ftjob-1-adapter.zip"))));
        }
    }

    [Fact]
    public async Task ChangedTrainingFile_IsRefusedByName()
    {
        (TestStorage storage, string folder) = await RunAsync();
        await using (storage)
        {
            File.WriteAllText(Path.Combine(folder, "file-ftjob-1-train.jsonl"), "changed");
            (int exitCode, string told) = await ReproduceAsync(folder, data: Path.Combine(folder, "empty"));
            Assert.Equal(2, exitCode);
            Assert.Contains("The training file file-ftjob-1-train.jsonl has changed", told, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ChangedModel_IsRefusedByName()
    {
        (TestStorage storage, string folder) = await RunAsync();
        await using (storage)
        {
            string models = Directory.CreateDirectory(Path.Combine(storage.Folder, "changed", "demo-model")).FullName;
            foreach (string file in Directory.EnumerateFiles(RepositoryRoot.PathOf("samples", "demo-model"))) File.Copy(file, Path.Combine(models, Path.GetFileName(file)));
            File.AppendAllText(Path.Combine(models, "tokenizer_config.json"), " ");
            (int exitCode, string told) = await ReproduceAsync(folder, storage.Folder, Path.GetDirectoryName(models));
            Assert.Equal(2, exitCode);
            Assert.Contains("tokenizer_config.json of demo-model has changed", told, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task OtherSeed_IsToldByHowFarTheAdaptersAreApart()
    {
        (TestStorage storage, string folder) = await RunAsync();
        await using (storage)
        {
            string path = Path.Combine(folder, "manifest.json");
            File.WriteAllText(path, File.ReadAllText(path).Replace("\"seed\": 7", "\"seed\": 8", StringComparison.Ordinal));
            (int exitCode, string told) = await ReproduceAsync(folder, storage.Folder);
            Assert.Equal(1, exitCode);
            Assert.Contains("The adapter differs in adapter_model.safetensors.", told, StringComparison.Ordinal);
            Assert.Matches(@"the largest difference of two elements is [\d.]+E[+-]\d+, in base_model", told);
            Assert.Contains("Software and machine are the same", told, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("""{"manifest_version": 2}""")]
    public async Task OtherFile_IsNoManifest(string text)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("manifest-");
        File.WriteAllText(Path.Combine(folder.FullName, "manifest.json"), text);
        (int exitCode, string told) = await ReproduceAsync(folder.FullName, folder.FullName);
        Assert.Equal(2, exitCode);
        Assert.Contains("is no manifest of a job", told, StringComparison.Ordinal);
        folder.Delete(recursive: true);
    }
}
