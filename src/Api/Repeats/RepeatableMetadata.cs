namespace TrainingService.Api.Repeats;

/// <summary>Marks an endpoint that honours <c>Idempotency-Key</c>.</summary>
internal sealed class RepeatableMetadata;

internal static class RepeatableEndpoints
{
    /// <summary>
    /// Lets a client send a request again without doing its work twice. The answer must be JSON without secrets: it is stored.
    /// The handler takes <see cref="RepeatableWork"/>, unless a second call finds by itself what the first one did.
    /// </summary>
    public static RouteHandlerBuilder MayBeRepeated(this RouteHandlerBuilder endpoint) => endpoint.WithMetadata(new RepeatableMetadata());
}
