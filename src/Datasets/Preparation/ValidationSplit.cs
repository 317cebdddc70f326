using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Preparation;

/// <summary>
/// A share of a file's rows set aside for validation. Rows of the same prompt stay on one side, so that evaluation meets
/// no prompt that was trained on; the same file, share and seed always give the same sides.
/// </summary>
public sealed class ValidationSplit
{
    /// <summary>Why a file cannot be split, and what to do.</summary>
    public const string OnePrompt = "validation_split sets whole prompts aside, but all rows have the same prompt: give a validation_file, or leave validation_split out.";

    private readonly HashSet<ulong> _validationPrompts;

    private ValidationSplit(HashSet<ulong> validationPrompts, int training, int validation)
    {
        _validationPrompts = validationPrompts;
        TrainingRows = training;
        ValidationRows = validation;
    }

    /// <summary>Rows left to train on, without those that are left out.</summary>
    public int TrainingRows { get; }

    /// <summary>Rows set aside.</summary>
    public int ValidationRows { get; }

    /// <summary>
    /// Draws prompts by seed until the next would take more than the share of the rows; at least one prompt is set aside and
    /// at least one left. Null where all rows have the same prompt.
    /// </summary>
    /// <param name="rows">All rows of the file; they are read once, and a few bytes a prompt are kept.</param>
    /// <param name="share">The share to set aside, between 0 and 1.</param>
    /// <param name="seed">Decides which prompts.</param>
    public static ValidationSplit? Of(IEnumerable<TrainingRow> rows, double share, int seed)
    {
        Dictionary<ulong, int> rowsOfPrompt = [];
        int total = 0;
        foreach (TrainingRow row in rows)
        {
            // A row that is left out is neither trained on nor evaluated.
            if (row is LeftOutRow) continue;
            total++;
            CollectionsMarshal.GetValueRefOrAddDefault(rowsOfPrompt, PromptOf(row), out _)++;
        }
        if (rowsOfPrompt.Count < 2) return null;

        // Which prompts is a matter of their texts and the seed alone, not of the order of the file.
        ulong[] drawn = [.. rowsOfPrompt.Keys.OrderBy(prompt => Mixed(prompt, seed)).ThenBy(prompt => prompt)];
        HashSet<ulong> validation = [];
        int taken = 0;
        foreach (ulong prompt in drawn.AsSpan(..^1))
        {
            int count = rowsOfPrompt[prompt];
            if (validation.Count > 0 && taken + count > share * total) continue;
            validation.Add(prompt);
            taken += count;
        }
        return new(validation, total - taken, taken);
    }

    /// <summary>Whether a row is set aside.</summary>
    public bool IsValidation(TrainingRow row) => row is not LeftOutRow && _validationPrompts.Contains(PromptOf(row));

    private static ulong PromptOf(TrainingRow row)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        switch (row)
        {
            case TextRow text:
                Append(hash, text.Prompt.Length > 0 ? text.Prompt : text.Completions[0]);
                break;
            case ConversationRow conversation:
                // A whole conversation is prompted by what comes before its first answer.
                IEnumerable<ChatMessage> prompt = conversation.Prompt.Count > 0 ? conversation.Prompt
                    : conversation.Completions[0].TakeWhile(message => message.Role != ChatMessage.Assistant);
                foreach (ChatMessage message in prompt) Append(hash, JsonSerializer.Serialize(new SortedDictionary<string, object?>(message.Fields.ToDictionary(), StringComparer.Ordinal)));
                break;
            case TokenRow tokens:
                int[] ids = tokens.Completions[0];
                ReadOnlySpan<int> start = tokens.Prompt.Length > 0 ? tokens.Prompt
                    : tokens.Trained is { } trained && Array.IndexOf(trained, true) is var first and > 0 ? ids.AsSpan(..first) : ids;
                hash.AppendData(MemoryMarshal.AsBytes(start));
                break;
        }
        return First8(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, string text)
    {
        // The length keeps apart what differs only in where one text ends and the next begins.
        hash.AppendData(MemoryMarshal.AsBytes([text.Length]));
        hash.AppendData(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    private static ulong Mixed(ulong prompt, int seed) => First8(SHA256.HashData(MemoryMarshal.AsBytes<ulong>([prompt, (ulong)seed])));

    private static ulong First8(byte[] digest) => MemoryMarshal.Read<ulong>(digest);
}
