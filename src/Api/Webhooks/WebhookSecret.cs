using System.Security.Cryptography;
using System.Text;

namespace TrainingService.Api.Webhooks;

/// <summary>What signs an endpoint's messages, as Standard Webhooks writes it.</summary>
internal static class WebhookSecret
{
    private const string Prefix = "whsec_";
    private const int Bytes = 32;

    public static string New() => Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>The value of the header <c>webhook-signature</c>.</summary>
    public static string Sign(string secret, string id, string timestamp, string payload) => "v1," + Convert.ToBase64String(
        HMACSHA256.HashData(Convert.FromBase64String(secret[Prefix.Length..]), Encoding.UTF8.GetBytes($"{id}.{timestamp}.{payload}")));
}
