using System.Threading.Channels;

namespace TrainingService.Inference.Decoding;

/// <summary>The way of all parts of a request's answers from the decoding thread to the request.</summary>
/// <param name="answers">How many answers there will be.</param>
/// <param name="abandoned">Set when the client is gone.</param>
internal sealed class AnswerChannel(int answers, CancellationToken abandoned)
{
    // Unbounded: the decoding thread never waits for a slow client, and an answer is never longer than the model's context.
    private readonly Channel<AnswerPart> _parts = Channel.CreateUnbounded<AnswerPart>(new() { SingleReader = true });
    private int _open = answers;
    private volatile bool _failed;

    /// <summary>Answers that had no room for a token: <c>max_tokens</c> 0 asks for the prompt's own log-probabilities alone.</summary>
    public static AnswerChannel OfNothing(int answers, CancellationToken abandoned)
    {
        var channel = new AnswerChannel(answers, abandoned);
        for (int i = 0; i < answers; i++) channel.Write(new(i, "", [], new(AnswerEnd.Length, 0)));
        return channel;
    }

    /// <summary>Whether nobody waits for the answers any more: the client is gone, or was told of an error.</summary>
    public bool IsAbandoned => abandoned.IsCancellationRequested || _failed;

    /// <summary>The parts, until all answers have ended.</summary>
    public IAsyncEnumerable<AnswerPart> ReadAllAsync() => _parts.Reader.ReadAllAsync(abandoned);

    /// <summary>Sends a part.</summary>
    public void Write(AnswerPart part)
    {
        _parts.Writer.TryWrite(part);
        if (part.End is not null && Interlocked.Decrement(ref _open) == 0) _parts.Writer.TryComplete();
    }

    /// <summary>No more parts come, because of an error.</summary>
    public void Fail(Exception exception)
    {
        _failed = true;
        _parts.Writer.TryComplete(exception);
    }
}
