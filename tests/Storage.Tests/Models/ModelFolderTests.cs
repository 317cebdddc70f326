using TrainingService.Storage.Models;

namespace TrainingService.Storage.Tests.Models;

public sealed class ModelFolderTests : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("models-");

    public void Dispose() => _root.Delete(recursive: true);

    private string Folder(params string[] parts) => Directory.CreateDirectory(Path.Combine([_root.FullName, .. parts])).FullName;

    private string Model(params string[] parts)
    {
        string folder = Folder(parts);
        File.WriteAllText(Path.Combine(folder, "config.json"), "{}");
        return folder;
    }

    private string Adapter(string config, params string[] parts)
    {
        string folder = Folder(parts);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), config);
        return folder;
    }

    private string[] Ids() => [.. new ModelFolder(_root.FullName).List().Select(m => m.Id)];

    [Fact]
    public void Models_AreNamedByTheirPaths()
    {
        Model("small");
        Model("owner", "large");
        Folder("empty", "deeper");
        Assert.Equal(["owner/large", "small"], Ids());
    }

    [Fact]
    public void Adapter_OfAModelThatIsThere_IsAModelToo()
    {
        string large = Model("owner", "large");
        string polite = Adapter("""{"base_model_name_or_path": "owner/large"}""", "polite");
        Adapter("""{"base_model_name_or_path": "owner/absent"}""", "orphan");
        Adapter("{ not json", "broken");
        Adapter("""{"base_model_name_or_path": 5}""", "number");

        Assert.Equal(["owner/large", "polite"], Ids());
        ModelSource found = new ModelFolder(_root.FullName).Find("polite")!;
        Assert.Equal((large, "owner/large", polite), (found.Folder, found.BaseId, found.AdapterFolder));
    }

    [Fact]
    public void Id_NeverBecomesAPath()
    {
        Model("small");
        string outside = Model("other", "secret");
        var folder = new ModelFolder(Path.Combine(_root.FullName, "inner"));
        Model("inner", "mine");
        Assert.NotNull(folder.Find("mine"));
        foreach (string id in (string[])["../small", "..", ".", "", outside, "./mine", "mine/", "mine/../mine", "MINE/"])
            Assert.Null(folder.Find(id));
    }

    [Fact]
    public void Links_AreFollowed_LoopsEnd()
    {
        string elsewhere = Model("disk2", "weights");
        Folder("models");
        Directory.CreateSymbolicLink(Path.Combine(_root.FullName, "models", "linked"), elsewhere);
        Directory.CreateSymbolicLink(Path.Combine(_root.FullName, "models", "loop"), Path.Combine(_root.FullName, "models"));
        Directory.CreateSymbolicLink(Path.Combine(_root.FullName, "models", "up"), _root.FullName);
        IReadOnlyList<ModelSource> found = new ModelFolder(Path.Combine(_root.FullName, "models")).List();
        Assert.Contains(found, m => m.Id == "linked");
        Assert.DoesNotContain(found, m => m.Id.StartsWith("loop", StringComparison.Ordinal));
    }

    [Fact]
    public void Roots_FirstOneWins_MissingOnesAreEmpty()
    {
        string mine = Model("a", "same"), theirs = Model("b", "same");
        Model("b", "sample");
        IReadOnlyList<ModelSource> found = new ModelFolder(Path.Combine(_root.FullName, "missing"), Path.Combine(_root.FullName, "a"), Path.Combine(_root.FullName, "b")).List();
        Assert.Equal(["same", "sample"], found.Select(m => m.Id));
        Assert.Equal(mine, found[0].Folder);
        Assert.NotEqual(theirs, found[0].Folder);
    }

    [Fact]
    public void Root_ThatIsAModelItself_IsNamedByItsFolder()
    {
        string folder = Model("small");
        Assert.Equal("small", Assert.Single(new ModelFolder(folder).List()).Id);
    }
}
