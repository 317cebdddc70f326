using System.Buffers;
using System.Text;

namespace TrainingService.Datasets.Tokenization;

/// <summary>
/// GPT-2's one-to-one map of bytes to printable characters (Radford et al. 2019, <c>bytes_to_unicode</c>):
/// byte-level vocabularies are written in it.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] CharOfByte = new char[256];
    private static readonly short[] ByteOfChar = new short[512];

    /// <summary>The printable ASCII characters stand for themselves, so a word of them needs no translation.</summary>
    private static readonly SearchValues<char> Unchanged =
        SearchValues.Create([.. Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code)]);

    static ByteAlphabet()
    {
        Array.Fill(ByteOfChar, (short)-1);
        var next = 256;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            CharOfByte[value] = (char)(printable ? value : next++);
            ByteOfChar[CharOfByte[value]] = (short)value;
        }
    }

    /// <summary>The text's UTF-8 bytes, each as its character.</summary>
    public static ReadOnlyMemory<char> Translate(ReadOnlyMemory<char> text)
    {
        var span = text.Span;
        if (!span.ContainsAnyExcept(Unchanged))
        {
            return text;
        }
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(span.Length));
        var count = Encoding.UTF8.GetBytes(span, bytes);
        var translated = new char[count];
        for (var index = 0; index < count; index++)
        {
            translated[index] = CharOfByte[bytes[index]];
        }
        ArrayPool<byte>.Shared.Return(bytes);
        return translated;
    }

    /// <summary>The bytes that a token stands for; a token outside the alphabet (an added one) stands for its own UTF-8 bytes.</summary>
    public static byte[] Bytes(string token)
    {
        var bytes = new byte[token.Length];
        for (var index = 0; index < bytes.Length; index++)
        {
            var value = token[index] < ByteOfChar.Length ? ByteOfChar[token[index]] : (short)-1;
            if (value < 0)
            {
                return Encoding.UTF8.GetBytes(token);
            }
            bytes[index] = (byte)value;
        }
        return bytes;
    }
}
