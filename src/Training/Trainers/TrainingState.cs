using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Trainers;

/// <summary>Where a run is, besides its tensors.</summary>
internal sealed record TrainingPosition
{
    /// <summary>Optimiser steps taken.</summary>
    public int Step { get; init; }

    /// <summary>Input tokens trained on.</summary>
    public long Tokens { get; init; }

    /// <summary>Whether the evaluation due after the step is still to be done.</summary>
    public bool EvaluationPending { get; init; }

    /// <summary>Whether the checkpoint due after the step is still to be kept.</summary>
    public bool CheckpointPending { get; init; }

    /// <summary>Sums since the last log.</summary>
    public Dictionary<string, double> Sums { get; init; } = [];

    /// <summary>Their weights.</summary>
    public Dictionary<string, double> Weights { get; init; } = [];

    /// <summary>What the state belongs to.</summary>
    public required string Fingerprint { get; init; }
}

/// <summary>The file that a run is resumed from: a position and tensors, written whole or not at all.</summary>
internal static class TrainingState
{
    private const string FileName = "trainer_state.safetensors";
    private const string PositionName = "position";

    /// <summary>Writes the state into a folder, which is created when absent.</summary>
    public static void Write(string folder, TrainingPosition position, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, FileName), temporary = path + ".tmp";
        using Tensor json = tensor(JsonSerializer.SerializeToUtf8Bytes(position));
        SafetensorsWriter.Write(temporary, [.. tensors, new(PositionName, json)]);
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Reads the state of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="read">Called with the open file to take the tensors.</param>
    public static TrainingPosition Read(string folder, Action<SafetensorsReader> read)
    {
        using var reader = new SafetensorsReader(Path.Combine(folder, FileName));
        using Tensor json = reader.Read(PositionName);
        TrainingPosition position = JsonSerializer.Deserialize<TrainingPosition>(json.bytes)
            ?? throw new ModelFormatException($"{FileName} has no position.");
        read(reader);
        return position;
    }

    /// <summary>Whether a folder holds a state.</summary>
    public static bool Exists(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Tells runs apart: a state resumes only what it was saved from.</summary>
    public static string Fingerprint(DpoRun run, int totalSteps) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{DpoRecipeJson.Write(run.Recipe).ToJsonString()} {run.Recipe.Seed} {run.Train.Count} {run.Validation?.Count} {totalSteps}")));
}
