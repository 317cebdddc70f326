namespace TrainingService.Storage.Hub;

/// <summary>A model on the Hub at one commit.</summary>
/// <param name="Model">Its id, <c>owner/name</c>, as the Hub spells it.</param>
/// <param name="Commit">The commit.</param>
/// <param name="Files">Its files.</param>
public sealed record HubRepository(string Model, string Commit, IReadOnlyList<HubFile> Files)
{
    /// <summary>The file of this name, or null.</summary>
    public HubFile? Find(string name) => Files.FirstOrDefault(f => f.Name == name);
}

/// <summary>A file of a model on the Hub.</summary>
/// <param name="Name">Its path in the repository.</param>
/// <param name="Size">Its length in bytes.</param>
/// <param name="Checksum">Its SHA-256 where the repository keeps it outside of git, else its git blob id; lower-case hexadecimal.</param>
public sealed record HubFile(string Name, long Size, string Checksum)
{
    private const int Sha256Digits = 64;

    /// <summary>Whether <see cref="Checksum"/> is the SHA-256 of its content.</summary>
    public bool IsSha256 => Checksum.Length == Sha256Digits;
}
