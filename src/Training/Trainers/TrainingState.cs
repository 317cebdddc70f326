using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    /// <summary>The best evaluation so far.</summary>
    public BestPosition Best { get; init; } = new();

    /// <summary>Steps of the checkpoints that are kept.</summary>
    public IReadOnlyList<int> Kept { get; init; } = [];

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

    /// <summary>Opens the state of a folder: its tensors.</summary>
    public static SafetensorsReader Open(string folder) => new(Path.Combine(folder, FileName));

    /// <summary>The position of an opened state.</summary>
    public static TrainingPosition ReadPosition(SafetensorsReader reader)
    {
        using Tensor json = reader.Read(PositionName);
        return JsonSerializer.Deserialize<TrainingPosition>(json.bytes) ?? throw new ModelFormatException($"{FileName} has no position.");
    }

    /// <summary>Tells runs apart: a state resumes only what it was saved from. Settings at their defaults do not count, so that a version with one more goes on with the jobs of the one before.</summary>
    public static string Fingerprint(TrainerRun run, int totalSteps) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        $"{WithoutDefaults(run.Recipe).ToJsonString()} {run.Recipe.Seed} {run.Train.Count} {run.Validation?.Count} {totalSteps}")));

    private static JsonObject WithoutDefaults(TrainingRecipe recipe)
    {
        JsonObject written = RecipeJson.Write(recipe), defaults = RecipeJson.Write(new() { Method = recipe.Method });
        foreach ((string part, JsonNode? plain) in defaults)
        {
            if (plain is not JsonObject || written[part] is not JsonObject settings) continue;
            foreach (string name in settings.Select(s => s.Key).Where(name => JsonNode.DeepEquals(settings[name], plain[name])).ToList()) settings.Remove(name);
        }
        return written;
    }
}
