using System.Net;
using System.Net.Sockets;

namespace TrainingService.Api.Webhooks;

/// <summary>
/// Tells the addresses of the public internet from all others (IANA's special-purpose registries): a client that names an
/// endpoint must not reach through this service what it cannot reach itself, such as a cloud's metadata.
/// </summary>
internal static class PublicAddress
{
    private static readonly IPNetwork[] s_specialV4 =
    [
        .. new[]
        {
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
            "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        }.Select(network => IPNetwork.Parse(network)),
    ];

    // Everything global is below 2000::/3; 6to4 and Teredo carry IPv4 addresses, and the rest is for documents and protocols.
    private static readonly IPNetwork s_globalV6 = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork[] s_specialV6 = [.. new[] { "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20" }.Select(network => IPNetwork.Parse(network))];

    public static bool Is(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        return address.AddressFamily == AddressFamily.InterNetwork
            ? !s_specialV4.Any(network => network.Contains(address))
            : s_globalV6.Contains(address) && !s_specialV6.Any(network => network.Contains(address));
    }
}
