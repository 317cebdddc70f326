namespace TrainingService.Storage.Keys;

/// <summary>Who may ask: configuration section <c>Api</c>, which a worker reads too, since it checks keys itself.</summary>
public sealed class KeyOptions
{
    /// <summary>Name of the configuration section.</summary>
    public const string Section = "Api";

    /// <summary>Serves requests without a key as an administrator's: for a machine that nobody else reaches.</summary>
    public bool AllowAnonymous { get; set; }

    /// <summary>
    /// Names under which the service is asked without a key, or <c>*</c> for any. Under another name the request may come
    /// from a web page whose name was pointed here (DNS rebinding), or through a proxy from anybody.
    /// </summary>
    public string AnonymousHosts { get; set; } = "localhost;127.0.0.1;[::1]";

    /// <summary>
    /// Secret of a first administrator's key, stored when the API starts. Only its hash is kept, a fast one, so it must be
    /// random, e.g. by <c>openssl rand -hex 32</c>.
    /// </summary>
    public string? AdminKey { get; set; }

    internal const int ShortestAdminKey = 32;

    /// <summary>Longer texts are no keys, and not worth a hash.</summary>
    internal const int LongestSecret = 256;
}
