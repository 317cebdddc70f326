using System.Text.Json;

namespace TrainingService.Datasets.Formats.Trl;

/// <summary>
/// Where the prompt ends that two completions hold, by the rule of TRL's <c>extract_prompt</c>: at the first
/// difference, but before a space in front of it; if one is the beginning of the other, before its last element.
/// </summary>
internal static class ImplicitPrompt
{
    /// <summary>Length of the shared beginning of two different texts.</summary>
    public static int SharedCharacters(string chosen, string rejected)
    {
        int shared = chosen.AsSpan().CommonPrefixLength(rejected);
        bool differs = shared < Math.Min(chosen.Length, rejected.Length);
        if (!differs) shared--;
        // TRL compares code points: a pair of surrogates is one character.
        if (shared > 0 && char.IsHighSurrogate(chosen[shared - 1])) shared--;
        // A space belongs to the word behind it, which is how byte-level vocabularies hold words.
        return differs && shared > 0 && chosen[shared - 1] == ' ' ? shared - 1 : shared;
    }

    /// <summary>Number of turns that two different conversations share at their beginning.</summary>
    public static int SharedTurns(JsonElement chosen, JsonElement rejected)
    {
        int shorter = Math.Min(chosen.GetArrayLength(), rejected.GetArrayLength());
        for (int i = 0; i < shorter; i++)
            if (!JsonElement.DeepEquals(chosen[i], rejected[i])) return i;
        return shorter - 1;
    }
}
