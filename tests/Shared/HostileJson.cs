using System.Text;
using System.Text.Json.Nodes;

namespace TrainingService.Tests;

/// <summary>Damages JSON as a broken or hostile file may be, by a seed.</summary>
internal sealed class HostileJson(int seed)
{
    // Half of a surrogate pair, which System.Text.Json reads but does not write.
    private const string HalfCharacter = "\"half of a pair\"";

    private static readonly string[] s_values =
    [
        "null", "true", "false", "0", "-1", "1", "2", "3", "7", "64", "65536", "2147483647", "2147483648", "9223372036854775807", "18446744073709551616", "1e308", "-1e308", "1e-308", "0.5",
        "\"\"", "\"x\"", "\"linear\"", HalfCharacter, "\"../../etc/passwd\"", "\"(a+)+$\"", "\"[\"", "\"\\u0000\"", "[]", "[0]", "[-1, 1]", "[1, 2, 3, 4]", "[9223372036854775807, 9223372036854775807]", "[[[[]]]]",
        "[\"a\", \"b\"]", "{}", "{\"a\": 1}", "{\"type\": \"Sequence\"}", "{\"String\": \"a\"}", "{\"Regex\": \"(?<=a\"}",
    ];

    /// <summary>What decides the damage.</summary>
    public Random Random { get; } = new(seed);

    /// <summary>The text with one to three damages.</summary>
    public string Damage(string json)
    {
        JsonNode root = JsonNode.Parse(json)!;
        for (int i = Random.Next(1, 4); i > 0; i--) Damage(root);
        string text = root.ToJsonString().Replace(HalfCharacter, "\"\\ud800\"", StringComparison.Ordinal);
        return Random.Next(8) == 0 ? DamageText(text) : text;
    }

    /// <summary>The bytes cut short, or with some of them changed.</summary>
    public byte[] Damage(byte[] bytes)
    {
        if (bytes.Length == 0) return bytes;
        if (Random.Next(3) == 0) return bytes[..Random.Next(bytes.Length)];
        byte[] changed = [.. bytes];
        for (int i = Random.Next(1, 6); i > 0; i--) changed[Random.Next(changed.Length)] = (byte)Random.Next(256);
        return changed;
    }

    private string DamageText(string text) => Random.Next(3) switch
    {
        0 => text[..Random.Next(text.Length)],
        1 => string.Concat(Enumerable.Repeat("[", 5000)) + text,
        _ => Encoding.UTF8.GetString(Damage(Encoding.UTF8.GetBytes(text))),
    };

    private void Damage(JsonNode root)
    {
        JsonNode node = root;
        while (true)
        {
            (JsonNode? child, Action<JsonNode?> replace, Action remove) = ChildOf(node);
            if (child is JsonObject { Count: > 0 } or JsonArray { Count: > 0 } && Random.Next(4) > 0)
            {
                node = child;
                continue;
            }
            if (Random.Next(5) == 0) remove();
            else if (child is JsonValue value && value.TryGetValue(out long number) && Random.Next(2) == 0) replace(number + Random.Next(-2, 3));
            else replace(JsonNode.Parse(s_values[Random.Next(s_values.Length)]));
            return;
        }
    }

    private (JsonNode? Child, Action<JsonNode?> Replace, Action Remove) ChildOf(JsonNode node)
    {
        if (node is JsonArray { Count: > 0 } list)
        {
            int index = Random.Next(list.Count);
            return (list[index], value => list[index] = value, () => list.RemoveAt(index));
        }
        if (node is not JsonObject { Count: > 0 } members) return (null, _ => { }, () => { });
        string name = members.ElementAt(Random.Next(members.Count)).Key;
        return (members[name], value => members[name] = value, () => members.Remove(name));
    }
}
