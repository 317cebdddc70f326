using System.Xml.Linq;
using TrainingService.Tests;

namespace TrainingService.Architecture.Tests;

/// <summary>Which packages each project may stand on.</summary>
public sealed class PackageTests
{
    private static readonly string[] s_torch = ["TorchSharp"];
    private static readonly string[] s_web = ["Microsoft.AspNetCore", "Microsoft.Extensions.Hosting", "Swashbuckle", "Yarp"];
    private static readonly string[] s_database = ["Microsoft.EntityFrameworkCore", "Npgsql", "Microsoft.Data.Sqlite", "Hangfire"];

    public static TheoryData<string> ProjectFiles =>
        [.. new[] { "src", "tests", "benchmarks" }.SelectMany(f => Directory.EnumerateFiles(RepositoryRoot.PathOf(f), "*.csproj", SearchOption.AllDirectories))
            .Select(f => Path.GetRelativePath(RepositoryRoot.Folder, f))];

    [Theory]
    [InlineData("Domain")]
    [InlineData("Jinja")]
    public void Vocabulary_StandsOnTheBaseLibraryAlone(string project)
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        Assert.All(ProductAssembly.Of(project).References, r => Assert.True(File.Exists(Path.Combine(framework, r + ".dll")), $"{project} references {r}."));
        Assert.Empty(XDocument.Load(RepositoryRoot.PathOf("src", project, project + ".csproj")).Descendants("PackageReference"));
    }

    [Fact]
    public void Datasets_KnowsNoTorchWebOrDatabase() => AssertOutOfReach("Datasets", [.. s_torch, .. s_web, .. s_database]);

    [Fact]
    public void Training_KnowsNoWebOrDatabase() => AssertOutOfReach("Training", [.. s_web, .. s_database]);

    [Fact]
    public void Storage_KnowsNoTorch() => AssertOutOfReach("Storage", s_torch);

    [Fact]
    public void Api_KnowsNoTorch() => AssertOutOfReach("Api", s_torch);

    [Fact]
    public void ApiOutput_HoldsNoTorch()
    {
        // …/tests/Architecture.Tests/bin/<configuration>/<framework>/: the product was built beside it in the same configuration.
        string here = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string output = RepositoryRoot.PathOf("src", "Api", "bin", Path.GetFileName(Path.GetDirectoryName(here)!), Path.GetFileName(here));
        Assert.True(File.Exists(Path.Combine(output, "TrainingService.Api.dll")), $"{output} holds no TrainingService.Api.dll.");

        Assert.DoesNotContain(Directory.EnumerateFiles(output, "*", SearchOption.AllDirectories), f => Path.GetFileName(f).Contains("torch", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("torch", File.ReadAllText(Path.Combine(output, "TrainingService.Api.deps.json")), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [MemberData(nameof(ProjectFiles))]
    public void ProjectFile_LeavesVersionsToTheCentralFile(string file)
    {
        IEnumerable<XAttribute> versions = XDocument.Load(RepositoryRoot.PathOf(file)).Descendants("PackageReference").Attributes();
        Assert.DoesNotContain(versions, a => a.Name.LocalName is "Version" or "VersionOverride");
    }

    [Theory]
    [MemberData(nameof(ProjectFiles))]
    public void Project_HasALockFile(string file) =>
        Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(RepositoryRoot.PathOf(file))!, "packages.lock.json")), $"{file} has no packages.lock.json beside it.");

    private static void AssertOutOfReach(string project, string[] packages) =>
        Assert.All(ProductAssembly.Reach(project), assembly =>
            Assert.DoesNotContain(assembly.References, r => packages.Any(p => r == p || r.StartsWith(p + ".", StringComparison.Ordinal))));
}
