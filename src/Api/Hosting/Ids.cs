using System.Security.Cryptography;
using System.Text;

namespace TrainingService.Api.Hosting;

/// <summary>
/// New ids in OpenAI's shapes: a prefix, then letters and digits. They are random, or follow from a seed where a request may
/// be repeated: its second try then makes what its first one made, and nothing can be made twice.
/// </summary>
internal static class Ids
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    public static string File(string? seed = null) => New("file-", 22, seed);

    public static string Job(string? seed = null) => New("ftjob-", 24, seed);

    public static string Event(string? seed = null) => New("ftevent-", 24, seed);

    public static string Upload(string? seed = null) => New("upload_", 24, seed);

    public static string Part(string? seed = null) => New("part_", 24, seed);

    public static string WebhookEndpoint() => New("whe_", 24, null);

    public static string WebhookEvent(string? seed = null) => New("evt_", 24, seed);

    private static string New(string prefix, int length, string? seed) => prefix + (seed is null
        ? RandomNumberGenerator.GetString(Alphabet, length)
        : string.Concat(SHA256.HashData(Encoding.UTF8.GetBytes(prefix + seed)).Take(length).Select(b => Alphabet[b % Alphabet.Length])));
}
