using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using TrainingService.Training.Trainers;

namespace TrainingService.Worker.Jobs;

/// <summary>
/// A job's work folder: training states and the cached reference. A state's folder names its step and the claim that
/// wrote it, so that a worker thought dead never writes where its successor does.
/// </summary>
internal sealed partial class RunFolder(string path, int epoch)
{
    // The one before the newest stays, should the newest turn out to be damaged.
    private const int StatesKept = 2;
    private const string HalfWritten = ".tmp";

    private readonly string _states = Path.Combine(path, "states");

    public string ReferenceCache { get; } = Path.Combine(path, "reference");

    /// <summary>Saves the trainer's state, whole or not at all.</summary>
    /// <returns>Whether it is further on than any that was saved before.</returns>
    public bool SaveState(Trainer trainer)
    {
        int step = trainer.Progress.Step;
        if (States().Any(s => s.Step >= step)) return false;
        string folder = Path.Combine(_states, string.Create(CultureInfo.InvariantCulture, $"step-{step}-claim-{epoch}"));
        string temporary = folder + HalfWritten;
        try
        {
            trainer.SaveState(temporary);
            Directory.Move(temporary, folder);
        }
        catch
        {
            // On a full disk half a state would take the room that the next one needs.
            if (Directory.Exists(temporary)) Directory.Delete(temporary, recursive: true);
            throw;
        }
        foreach ((string old, _) in States().Skip(StatesKept)) Directory.Delete(old, recursive: true);
        return true;
    }

    /// <summary>Goes on from the newest state there is.</summary>
    /// <returns>Its step; 0 when there is none.</returns>
    public int RestoreState(Trainer trainer)
    {
        DeleteHalfWritten();
        if (States().FirstOrDefault() is not { Folder: { } folder, Step: var step }) return 0;
        try
        {
            trainer.RestoreState(folder);
        }
        // What says nothing about the file itself, such as a disk that is away or a GPU that is full, costs no state.
        catch (Exception e) when (e is EndOfStreamException or FileNotFoundException or not (IOException or UnauthorizedAccessException or OutOfMemoryException or ExternalException))
        {
            Directory.Delete(folder, recursive: true);
            throw new IOException($"The training state after step {step} is damaged; the next attempt starts from an earlier one.", e);
        }
        return step;
    }

    private void DeleteHalfWritten()
    {
        if (!Directory.Exists(_states)) return;
        foreach (string folder in Directory.EnumerateDirectories(_states, "*" + HalfWritten)) Directory.Delete(folder, recursive: true);
    }

    private IEnumerable<(string Folder, int Step)> States() => Directory.Exists(_states)
        ? Directory.EnumerateDirectories(_states)
            .Select(folder => (Folder: folder, Name: StateName().Match(Path.GetFileName(folder))))
            .Where(state => state.Name.Success) // what a crash left half written has another name
            .Select(state => (state.Folder, Step: int.Parse(state.Name.Groups["step"].ValueSpan, CultureInfo.InvariantCulture)))
            .OrderByDescending(state => state.Step)
        : [];

    [GeneratedRegex(@"\Astep-(?<step>\d+)-claim-\d+\z")]
    private static partial Regex StateName();
}
