using System.Reflection;
using System.Text.Json;

namespace TrainingService.Domain.Recipes;

/// <summary>The wire name of a member of an enumeration where snake case does not give it.</summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class WireNameAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>Enumerations as they stand on the wire: the member's name in snake case, e.g. <c>exo_pair</c>.</summary>
public static class WireNames
{
    /// <summary>The wire name of a value.</summary>
    public static string Of<TEnum>(TEnum value) where TEnum : struct, Enum =>
        typeof(TEnum).GetField(value.ToString())?.GetCustomAttribute<WireNameAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());

    /// <summary>All wire names of an enumeration, in its order.</summary>
    public static IReadOnlyList<string> All<TEnum>() where TEnum : struct, Enum => [.. Enum.GetValues<TEnum>().Select(Of)];

    /// <summary>The value with this wire name, or null.</summary>
    public static TEnum? Parse<TEnum>(string? name) where TEnum : struct, Enum
    {
        foreach (TEnum value in Enum.GetValues<TEnum>())
            if (Of(value) == name)
                return value;
        return null;
    }

    /// <summary>The known name nearest to a mistyped one by edit distance, or null when none is near.</summary>
    public static string? Nearest(string name, IEnumerable<string> known)
    {
        string? best = null;
        int bestDistance = Math.Max(2, name.Length / 2);
        foreach (string candidate in known)
        {
            // The lengths alone put a name of a megabyte out of reach, before it costs any time.
            if (Math.Abs(name.Length - candidate.Length) > bestDistance) continue;
            int distance = EditDistance(name, candidate);
            if (distance <= bestDistance && (best is null || distance < bestDistance))
                (best, bestDistance) = (candidate, distance);
        }
        return best;
    }

    private static int EditDistance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++) row[j] = j;
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
