using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// SentencePiece's replacements of characters: a trie in a double array (darts-clone) from UTF-8 to places in a text of
/// replacements. A grapheme of fewer than 6 bytes is looked up as a whole, and gives way to the replacement of the shortest
/// prefix found; else its characters are looked up one by one. See https://github.com/huggingface/spm_precompiled.
/// </summary>
internal sealed class PrecompiledCharacters
{
    private const int LongestGrapheme = 5;

    private readonly uint[] _trie;
    private readonly byte[] _replacements;

    private PrecompiledCharacters(uint[] trie, byte[] replacements) => (_trie, _replacements) = (trie, replacements);

    /// <summary>Reads <c>precompiled_charsmap</c>; SentencePiece writes an empty one when nothing is replaced.</summary>
    public static Normalizer Read(JsonComponent component)
    {
        var text = component["precompiled_charsmap"].AsOptionalString() ?? "";
        var bytes = new byte[text.Length];
        if (!Convert.TryFromBase64String(text, bytes, out var length))
        {
            throw component["precompiled_charsmap"].Error("is not base64");
        }
        if (length == 0)
        {
            return unchanged => unchanged;
        }
        if (length < 4 || BinaryPrimitives.ReadUInt32LittleEndian(bytes) is var trieBytes && (trieBytes % 4 != 0 || trieBytes == 0 || trieBytes > length - 4))
        {
            throw component["precompiled_charsmap"].Error("does not hold the trie whose length it begins with");
        }
        var trie = new uint[trieBytes / 4];
        for (var index = 0; index < trie.Length; index++)
        {
            trie[index] = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(4 + 4 * index));
        }
        return new PrecompiledCharacters(trie, bytes[(4 + 4 * trie.Length)..length]).Normalize;
    }

    private string Normalize(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var start = 0; start < text.Length;)
        {
            var length = StringInfo.GetNextTextElementLength(text, start);
            var grapheme = text.AsSpan(start, length);
            start += length;
            if (!TryReplace(grapheme, result))
            {
                foreach (var character in grapheme.EnumerateRunes())
                {
                    Append(character, result);
                }
            }
        }
        return result.ToString();
    }

    private bool TryReplace(ReadOnlySpan<char> grapheme, StringBuilder result)
    {
        Span<byte> bytes = stackalloc byte[LongestGrapheme];
        return grapheme.Length <= LongestGrapheme && Encoding.UTF8.TryGetBytes(grapheme, bytes, out var count) && TryReplace(bytes[..count], result);
    }

    private void Append(Rune character, StringBuilder result)
    {
        Span<byte> bytes = stackalloc byte[4];
        if (!TryReplace(bytes[..character.EncodeToUtf8(bytes)], result))
        {
            result.Append(character.ToString());
        }
    }

    /// <summary>Appends what stands for the shortest prefix of the key that the trie holds.</summary>
    private bool TryReplace(ReadOnlySpan<byte> key, StringBuilder result)
    {
        var position = Offset(_trie[0]);
        foreach (var value in key)
        {
            if (value == 0)
            {
                return false;
            }
            position ^= value;
            // Positions come from the file: one outside the array matches nothing.
            if (position >= _trie.Length || (_trie[position] & 0x800000FF) != value)
            {
                return false;
            }
            var unit = _trie[position];
            position ^= Offset(unit);
            if ((unit >> 8 & 1) == 0)
            {
                continue;
            }
            if (position >= _trie.Length || (_trie[position] & 0x7FFFFFFF) is var start && start > _replacements.Length)
            {
                return false;
            }
            var replacement = _replacements.AsSpan((int)start);
            var end = replacement.IndexOf((byte)0);
            result.Append(Encoding.UTF8.GetString(end < 0 ? replacement : replacement[..end]));
            return true;
        }
        return false;
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1u << 9)) >> 6);
}
