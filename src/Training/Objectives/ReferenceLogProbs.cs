using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>
/// The frozen reference's summed log-probabilities, two a row, computed once on the way through the first epoch. The key
/// of the file they are kept in covers all that decides them to the last bit: model, adapter, tokens, type, and how rows
/// are packed together.
/// </summary>
internal sealed class ReferenceLogProbs
{
    private readonly float[] _values;
    private readonly string? _file;
    private bool _written;

    /// <param name="rows">The rows of one split.</param>
    /// <param name="run">The run.</param>
    /// <param name="split">The split.</param>
    /// <param name="packTokens">Most tokens a pack.</param>
    public ReferenceLogProbs(IReadOnlyList<PackedRow> rows, TrainerRun run, MetricSplit split, int packTokens)
    {
        _values = new float[2 * rows.Count];
        Array.Fill(_values, float.NaN);
        if (run.ReferenceCacheFolder is not { } folder) return;
        _file = Path.Combine(folder, $"{Key(rows, run, split, packTokens)}.safetensors");
        if (!File.Exists(_file)) return;
        using var reader = new SafetensorsReader(_file);
        using Tensor stored = reader.Read("reference_logps");
        if (stored.numel() == _values.Length) stored.data<float>().CopyTo(_values);
        _written = IsComplete;
    }

    /// <summary>Whether all rows are known.</summary>
    public bool IsComplete => !_values.Any(float.IsNaN);

    /// <summary>Both values of each of these rows, (2 · rows,), or null when one is not known yet.</summary>
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

    /// <summary>Takes over what was computed, (2 · rows,).</summary>
    public void Store(ReadOnlySpan<int> rows, Tensor values)
    {
        using Tensor local = values.cpu();
        float[] read = [.. local.data<float>()];
        for (int i = 0; i < rows.Length; i++)
            (_values[2 * rows[i]], _values[2 * rows[i] + 1]) = (read[2 * i], read[2 * i + 1]);
    }

    /// <summary>All values for a checkpoint, (2 · rows,), not-a-number where unknown.</summary>
    public Tensor ToTensor() => tensor(_values);

    /// <summary>Takes over a checkpoint's values.</summary>
    public void Restore(Tensor values) => values.data<float>().CopyTo(_values);

    /// <summary>Keeps the values for later runs once all are known. A disk without room costs the next run time, and this one nothing.</summary>
    public void WriteWhenComplete()
    {
        if (_file is null || _written || !IsComplete) return;
        string temporary = $"{_file}.{Guid.NewGuid():n}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_file)!);
            using Tensor values = ToTensor();
            SafetensorsWriter.Write(temporary, [new("reference_logps", values)]);
            File.Move(temporary, _file, overwrite: true);
            _written = true;
        }
        catch (IOException)
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }

    /// <summary>Where the policy has not moved yet, it must agree with the reference.</summary>
    /// <exception cref="InvalidOperationException">It does not: the reference is not what the policy started from.</exception>
    public static void RequireEqual(Tensor policy, Tensor reference)
    {
        double differ = (policy - reference).abs().div_(reference.abs().add_(1)).max().item<float>();
        if (differ > 1e-3)
            throw new InvalidOperationException($"Before the first step the policy's log-probabilities differ from the reference's by {differ:g3} of their size; they must be equal.");
    }

    private static string Key(IReadOnlyList<PackedRow> rows, TrainerRun run, MetricSplit split, int packTokens)
    {
        TrainingRecipe recipe = run.Recipe;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        bool fromAdapter = run.AdapterFolder is not null && recipe.Reference == ReferencePolicy.Initial;
        foreach (string folder in fromAdapter ? [run.ModelFolder, run.AdapterFolder!] : new[] { run.ModelFolder })
            foreach (FileInfo file in new DirectoryInfo(folder).EnumerateFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
                Append($"{file.Name} {file.Length} {file.LastWriteTimeUtc.Ticks}\n");
        Append(JsonSerializer.Serialize(new object?[] { split, recipe.ComputeType, recipe.LoadIn4Bit, recipe.LdAlpha, packTokens, recipe.BatchSize, recipe.Seed, recipe.SamplingStrategy }));
        foreach (PackedRow row in rows)
            foreach (int[] ids in new[] { row.Prompt, row.First, row.Second })
            {
                hash.AppendData(BitConverter.GetBytes(ids.Length));
                hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(ids));
            }
        return Convert.ToHexStringLower(hash.GetHashAndReset());

        void Append(string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
    }
}
