using System.Xml.Linq;
using TrainingService.Tests;

namespace TrainingService.Architecture.Tests;

/// <summary>Who may reference whom (docs/decisions/0001-house.md), read from the compiled assemblies and the project files.</summary>
public sealed class ArrowTests
{
    private static readonly Dictionary<string, string[]> s_arrows = new()
    {
        ["Jinja"] = [],
        ["Domain"] = [],
        ["Datasets"] = ["Jinja", "Domain"],
        ["Training"] = ["Datasets", "Domain"],
        ["Storage"] = ["Domain"],
        ["Api"] = ["Storage", "Datasets", "Domain"],
        ["Inference"] = ["Training", "Datasets", "Storage", "Domain"],
        ["Worker"] = ["Inference", "Training", "Datasets", "Storage", "Domain"],
        ["Standalone"] = ["Api", "Worker", "Inference", "Storage"],
    };

    public static TheoryData<string> Projects => [.. s_arrows.Keys];

    [Fact]
    public void Arrows_CoverTheProduct()
    {
        Assert.Equal(s_arrows.Keys.Order(), ProductAssembly.All.Select(a => a.Project).Order());
        Assert.Equal(s_arrows.Keys.Order(), Directory.EnumerateDirectories(RepositoryRoot.PathOf("src")).Select(d => Path.GetFileName(d)!).Order());
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void CompiledReferences_FollowTheArrows(string project) =>
        Assert.Empty(ProductAssembly.Of(project).Projects.Except(s_arrows[project]));

    [Theory]
    [MemberData(nameof(Projects))]
    public void ProjectFile_FollowsTheArrows(string project)
    {
        var file = XDocument.Load(RepositoryRoot.PathOf("src", project, project + ".csproj"));
        IEnumerable<string> referenced = file.Descendants("ProjectReference").Select(r => Path.GetFileNameWithoutExtension(r.Attribute("Include")!.Value));
        Assert.Empty(referenced.Except(s_arrows[project]));
    }

    [Theory]
    [InlineData("Api", "Training")]
    [InlineData("Api", "Inference")]
    [InlineData("Api", "Worker")]
    [InlineData("Worker", "Api")]
    [InlineData("Training", "Storage")]
    [InlineData("Storage", "Training")]
    [InlineData("Storage", "Api")]
    [InlineData("Storage", "Worker")]
    [InlineData("Storage", "Standalone")]
    [InlineData("Datasets", "Training")]
    [InlineData("Datasets", "Storage")]
    public void ForbiddenProject_IsOutOfReach(string from, string to) =>
        Assert.DoesNotContain(to, ProductAssembly.Reach(from).Select(a => a.Project));
}
