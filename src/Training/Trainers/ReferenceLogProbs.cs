using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TorchSharp;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>
/// The frozen reference's summed log-probabilities, two a pair, computed once on the way through the first epoch. The key
/// of the file they are kept in covers all that decides them to the last bit: model, adapter, tokens, type, and how pairs
/// are packed together.
/// </summary>
internal sealed class ReferenceLogProbs
{
    private readonly float[] _values;
    private readonly string? _file;
    private bool _written;

    /// <param name="pairs">The pairs of one split.</param>
    /// <param name="run">The run.</param>
    /// <param name="split">Name of the split.</param>
    /// <param name="packTokens">Most tokens a pack.</param>
    public ReferenceLogProbs(IReadOnlyList<TokenizedPair> pairs, TrainerRun run, string split, int packTokens)
    {
        _values = new float[2 * pairs.Count];
        Array.Fill(_values, float.NaN);
        if (run.ReferenceCacheFolder is not { } folder) return;
        _file = Path.Combine(folder, $"{Key(pairs, run, split, packTokens)}.safetensors");
        if (!File.Exists(_file)) return;
        using var reader = new SafetensorsReader(_file);
        using Tensor stored = reader.Read("reference_logps");
        if (stored.numel() == _values.Length) stored.data<float>().CopyTo(_values);
        _written = IsComplete;
    }

    /// <summary>Whether all pairs are known.</summary>
    public bool IsComplete => !_values.Any(float.IsNaN);

    /// <summary>Chosen and rejected of these pairs, (2 · pairs,), or null when one is not known yet.</summary>
    public Tensor? Find(ReadOnlySpan<int> rows, Device device)
    {
        var found = new float[2 * rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            (found[2 * i], found[2 * i + 1]) = (_values[2 * rows[i]], _values[2 * rows[i] + 1]);
            if (float.IsNaN(found[2 * i])) return null;
        }
        return tensor(found, device: device);
    }

    /// <summary>Takes over what was computed, (2 · pairs,).</summary>
    public void Store(ReadOnlySpan<int> rows, Tensor values)
    {
        using Tensor local = values.cpu();
        float[] read = [.. local.data<float>()];
        for (int i = 0; i < rows.Length; i++)
            (_values[2 * rows[i]], _values[2 * rows[i] + 1]) = (read[2 * i], read[2 * i + 1]);
    }

    /// <summary>All values for a checkpoint, (2 · pairs,), not-a-number where unknown.</summary>
    public Tensor ToTensor() => tensor(_values);

    /// <summary>Takes over a checkpoint's values.</summary>
    public void Restore(Tensor values) => values.data<float>().CopyTo(_values);

    /// <summary>Keeps the values for later runs once all are known.</summary>
    public void WriteWhenComplete()
    {
        if (_file is null || _written || !IsComplete) return;
        Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
        string temporary = $"{_file}.{Guid.NewGuid():n}.tmp";
        using Tensor values = ToTensor();
        SafetensorsWriter.Write(temporary, [new("reference_logps", values)]);
        File.Move(temporary, _file, overwrite: true);
        _written = true;
    }

    private static string Key(IReadOnlyList<TokenizedPair> pairs, TrainerRun run, string split, int packTokens)
    {
        TrainingRecipe recipe = run.Recipe;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bool fromAdapter = run.AdapterFolder is not null && recipe.Reference == ReferencePolicy.Initial;
        foreach (string folder in fromAdapter ? [run.ModelFolder, run.AdapterFolder!] : new[] { run.ModelFolder })
            foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
                Append($"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}\n");
        Append(JsonSerializer.Serialize(new object?[] { split, recipe.ComputeType, recipe.LoadIn4Bit, recipe.LdAlpha, packTokens, recipe.BatchSize, recipe.Seed, recipe.SamplingStrategy }));
        foreach (TokenizedPair pair in pairs)
            foreach (int[] ids in new[] { pair.PromptIds, pair.ChosenIds, pair.RejectedIds })
            {
                hash.AppendData(BitConverter.GetBytes(ids.Length));
                hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(ids));
            }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
    }
}
