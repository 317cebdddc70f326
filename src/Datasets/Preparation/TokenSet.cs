using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace TrainingService.Datasets.Preparation;

/// <summary>
/// Token sequences met so far, by 8 bytes of their digest each. In a file of ten million rows two different ones meet with
/// a probability of three in a million, which costs a wrong line in a report.
/// </summary>
public sealed class TokenSet
{
    private readonly HashSet<ulong> _digests = [];

    internal bool Add(params ReadOnlySpan<int[]> sequences) => _digests.Add(DigestOf(sequences));

    internal bool Contains(params ReadOnlySpan<int[]> sequences) => _digests.Contains(DigestOf(sequences));

    private static ulong DigestOf(ReadOnlySpan<int[]> sequences)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int[] sequence in sequences)
        {
            // The length keeps apart what differs only in where one sequence ends and the next begins.
            hash.AppendData(MemoryMarshal.AsBytes([sequence.Length]));
            hash.AppendData(MemoryMarshal.AsBytes(sequence.AsSpan()));
        }
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return MemoryMarshal.Read<ulong>(digest);
    }
}
