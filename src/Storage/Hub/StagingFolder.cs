using System.Text.Json;

namespace TrainingService.Storage.Hub;

/// <summary>
/// Where a model arrives: a hidden folder inside the models folder, so that its rename into place is one step of the file
/// system and nobody ever sees half a model. Whoever has it open is alone, also against a worker whose lease ran out
/// while it could not ask the database.
/// </summary>
public sealed class StagingFolder : IDisposable
{
    private const string Incoming = ".incoming";

    private readonly string _root;
    private readonly string _model;
    private readonly FileStream _lock;

    private StagingFolder(string root, string model, FileStream held) => (_root, _model, _lock) = (root, model, held);

    /// <summary>Opens a model's folder, made when it is missing; null while somebody else has it.</summary>
    /// <param name="modelsFolder">The models folder.</param>
    /// <param name="model">The model's id, which <see cref="HubModelId"/> accepts.</param>
    /// <exception cref="IOException">The models folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The models folder cannot be written.</exception>
    public static StagingFolder? TryOpen(string modelsFolder, string model)
    {
        string root = Path.GetFullPath(modelsFolder);
        // Ids on the Hub have no "--", so two of them never share a folder.
        string folder = Path.Combine(root, Incoming, model.Replace("/", "--", StringComparison.Ordinal));
        Directory.CreateDirectory(folder);
        try
        {
            // It stays: deleting it while another opens it would leave each with a lock of its own.
            return new(root, model, new FileStream(folder + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1));
        }
        catch (IOException) when (File.Exists(folder + ".lock"))
        {
            return null;
        }
    }

    /// <summary>Where the model will be.</summary>
    public string Target => Path.Combine([_root, .. _model.Split('/')]);

    private string Folder => Path.ChangeExtension(_lock.Name, null);

    /// <summary>The folder of a commit; what there is of others is deleted.</summary>
    public string OfCommit(string commit)
    {
        foreach (string other in Directory.EnumerateDirectories(Folder).Where(d => Path.GetFileName(d) != commit)) Directory.Delete(other, recursive: true);
        return Directory.CreateDirectory(Path.Combine(Folder, commit)).FullName;
    }

    /// <summary>Lets the whole model appear under its id.</summary>
    public void Complete(DownloadPlan plan, string revision)
    {
        string folder = OfCommit(plan.Repository.Commit);
        foreach (string file in Directory.EnumerateFiles(folder).Where(f => plan.Files.All(p => p.Name != Path.GetFileName(f)))) File.Delete(file);
        new HubOrigin(plan.Repository.Model, revision, plan.Repository.Commit).Write(folder);
        Directory.CreateDirectory(Path.GetDirectoryName(Target)!);
        Directory.Move(folder, Target);
        Delete();
    }

    /// <summary>Deletes what has arrived.</summary>
    public void Delete()
    {
        if (Directory.Exists(Folder)) Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Deletes what has arrived, and the model itself if it is the one of this commit; it disappears in one step, as it appeared.</summary>
    public void DeleteModel(string commit)
    {
        if (HubOrigin.Read(Target)?.Commit == commit) Directory.Move(Target, Path.Combine(Directory.CreateDirectory(Folder).FullName, Path.GetRandomFileName()));
        Delete();
    }

    /// <inheritdoc/>
    public void Dispose() => _lock.Dispose();
}

/// <summary>Where a model's folder came from: <c>.hub.json</c> in it.</summary>
/// <param name="Model">Its id on the Hub.</param>
/// <param name="Revision">The revision that was asked for.</param>
/// <param name="Commit">The commit that it was.</param>
public sealed record HubOrigin(string Model, string Revision, string Commit)
{
    private const string Name = ".hub.json";

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Of a model's folder; null when it was not fetched from a Hub.</summary>
    public static HubOrigin? Read(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize<HubOrigin>(File.ReadAllBytes(Path.Combine(folder, Name)), s_json);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    internal void Write(string folder) => File.WriteAllBytes(Path.Combine(folder, Name), JsonSerializer.SerializeToUtf8Bytes(this, s_json));
}
