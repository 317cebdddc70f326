using System.Text.RegularExpressions;
using TrainingService.Tests;

namespace TrainingService.Architecture.Tests;

/// <summary>How the product's sources are cut and named.</summary>
public sealed partial class SourceTests
{
    private const int MostLines = 400;

    private static IEnumerable<string> Sources => Directory.EnumerateFiles(RepositoryRoot.PathOf("src"), "*.cs", SearchOption.AllDirectories)
        .Where(f => !BuildOutput().IsMatch(f));

    [Fact]
    public void Files_AreShort()
    {
        IEnumerable<string> written = Sources.Where(f => !f.Contains("/Migrations/", StringComparison.Ordinal));
        Assert.All(written, f => Assert.True(File.ReadLines(f).Count() <= MostLines, $"{f} has more than {MostLines} lines: look for the second idea in it."));
    }

    [Fact]
    public void Names_SayWhatIsInside()
    {
        IEnumerable<string> folders = Sources.SelectMany(f => Path.GetRelativePath(RepositoryRoot.Folder, Path.GetDirectoryName(f)!).Split(Path.DirectorySeparatorChar)).Distinct();
        Assert.DoesNotContain(folders.Concat(ProductAssembly.All.SelectMany(a => a.TypeNames)), n => EmptyName().IsMatch(n));
    }

    [Fact]
    public void Namespaces_FollowTheFolders()
    {
        HashSet<string> folders = [.. Sources.Select(f => "TrainingService." + Path.GetRelativePath(RepositoryRoot.PathOf("src"), Path.GetDirectoryName(f)!).Replace(Path.DirectorySeparatorChar, '.'))];
        Assert.All(ProductAssembly.All, a => Assert.Empty(a.Namespaces.Except(folders)));
    }

    [GeneratedRegex(@"[/\\](bin|obj)[/\\]")]
    private static partial Regex BuildOutput();

    [GeneratedRegex(@"(Utils?|Utilities|Utility|Helpers?|Common|Managers?)(`\d+)?$")]
    private static partial Regex EmptyName();
}
