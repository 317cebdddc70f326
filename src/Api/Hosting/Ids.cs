using System.Security.Cryptography;

namespace TrainingService.Api.Hosting;

/// <summary>New ids in OpenAI's shapes: a prefix and letters and digits that nobody can guess.</summary>
internal static class Ids
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    public static string File() => "file-" + Random(22);

    public static string Job() => "ftjob-" + Random(24);

    public static string Event() => "ftevent-" + Random(24);

    public static string Upload() => "upload_" + Random(24);

    public static string Part() => "part_" + Random(24);

    public static string WebhookEndpoint() => "whe_" + Random(24);

    public static string WebhookEvent() => "evt_" + Random(24);

    private static string Random(int length) => RandomNumberGenerator.GetString(Alphabet, length);
}
