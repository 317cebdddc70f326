using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace TrainingService.Domain.Keys;

/// <summary>
/// The secrets of keys. Slow hashes protect passwords, which can be guessed; a secret of 256 random bits cannot, however
/// fast its hash is, and a fast one costs each request nothing. A secret is looked up by its hash, so no comparison sees
/// the secret itself: how far one got with a wrong secret's hash says nothing about the right secret.
/// </summary>
public static class KeySecret
{
    /// <summary>Length of <see cref="ApiKey.Prefix"/>: <c>sk-</c> and 24 of the 256 bits.</summary>
    private const int PrefixLength = 7;

    /// <summary>A new secret, <c>sk-…</c>.</summary>
    public static string New() => "sk-" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>What is stored of a secret to recognise it.</summary>
    public static string HashOf(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));

    /// <summary>What may be shown of a secret.</summary>
    public static string PrefixOf(string secret) => secret[..Math.Min(PrefixLength, secret.Length)];
}
