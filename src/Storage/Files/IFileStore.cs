namespace TrainingService.Storage.Files;

/// <summary>
/// Holds the bytes of files and adapters under keys such as <c>files/file-abc</c>. A key's content is there whole or not
/// at all, and does not change once it is there.
/// </summary>
public interface IFileStore
{
    /// <summary>Starts to write a content; it is there once <see cref="FileStoreWriter.CommitAsync"/> returned.</summary>
    /// <exception cref="FileStoreException">The store cannot be written.</exception>
    FileStoreWriter Create(string key);

    /// <summary>Opens a content for reading, with seek.</summary>
    /// <exception cref="FileStoreException">There is no such content, or it cannot be read.</exception>
    Stream OpenRead(string key);

    /// <summary>Whether there is such a content.</summary>
    bool Exists(string key);

    /// <summary>Deletes a content; one that is not there is fine.</summary>
    /// <exception cref="FileStoreException">The content cannot be deleted.</exception>
    void Delete(string key);

    /// <summary>
    /// A local folder, made when it is missing, that all workers see: what a job needs to go on after its worker is gone.
    /// </summary>
    /// <param name="name">Name of the folder, e.g. the job's id.</param>
    string WorkFolder(string name);

    /// <summary>Names of the work folders there are.</summary>
    IReadOnlyList<string> ListWorkFolders();

    /// <summary>Deletes a work folder; one that is not there is fine.</summary>
    void DeleteWorkFolder(string name);

    /// <summary>Removes what writers that never committed left behind.</summary>
    /// <param name="olderThan">Leftovers not touched since this moment, UTC.</param>
    /// <returns>How many were removed.</returns>
    int RemoveAbandoned(DateTime olderThan);
}
