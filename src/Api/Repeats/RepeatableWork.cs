using TrainingService.Domain.Requests;

namespace TrainingService.Api.Repeats;

/// <summary>
/// The request at hand as something that may be done more than once. Work and answer are kept in two transactions: when the
/// first try broke off in between, the second finds the work by its id, which follows from the request.
/// </summary>
internal sealed class RepeatableWork
{
    private IdempotencyRecord? _request;
    private RequestDigest? _payload;

    /// <summary>Whether an earlier try began and left no answer: it may have done the work.</summary>
    public bool MayBeDone { get; private set; }

    public void Begin(IdempotencyRecord request, RequestDigest payload, bool mayBeDone) =>
        (_request, _payload, MayBeDone) = (request, payload, mayBeDone);

    /// <summary>
    /// Seed of the ids of what this request makes; null, for random ones, when it has no key. It is known when the body has
    /// been read: another body under the same key makes other things.
    /// </summary>
    public async ValueTask<string?> SeedAsync() => _request is null ? null
        : $"{_request.Id}/{_request.CreatedAt.Ticks}/{await _payload!.FinishAsync(CancellationToken.None)}";
}
