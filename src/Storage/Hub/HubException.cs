namespace TrainingService.Storage.Hub;

/// <summary>A model cannot be fetched from the Hub.</summary>
/// <param name="code">A word for programs, one of <see cref="HubErrorCodes"/>.</param>
/// <param name="message">What is wrong, and what to do.</param>
/// <param name="innerException">The cause.</param>
public sealed class HubException(string code, string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>A word for programs, one of <see cref="HubErrorCodes"/>.</summary>
    public string Code { get; } = code;

    /// <summary>Whether another attempt may do better.</summary>
    public bool MayPass { get; init; }

    /// <summary>How long the Hub asks to wait before it.</summary>
    public TimeSpan? RetryAfter { get; init; }
}

/// <summary>Why a model cannot be fetched.</summary>
public static class HubErrorCodes
{
    /// <summary>The Hub has no such repository, or hides it.</summary>
    public const string ModelNotFound = "model_not_found";

    /// <summary>The repository has no such branch, tag or commit.</summary>
    public const string RevisionNotFound = "revision_not_found";

    /// <summary>Its owner opens it to those who asked for it.</summary>
    public const string Gated = "gated_model";

    /// <summary>The Hub does not accept the token, or not for this.</summary>
    public const string AccessRefused = "hub_access_refused";

    /// <summary>Its files are none that this service uses.</summary>
    public const string UnsupportedModel = "unsupported_model";

    /// <summary>The disk has too little room.</summary>
    public const string NotEnoughDisk = "not_enough_disk";

    /// <summary>What arrived is not what the Hub says it has.</summary>
    public const string HashMismatch = "hash_mismatch";

    /// <summary>The Hub does not answer, or answers with errors of its own.</summary>
    public const string Unavailable = "hub_unavailable";
}
