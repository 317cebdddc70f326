using System.Text;

namespace TrainingService.Inference.Decoding;

/// <summary>A whole answer, put together from its parts.</summary>
internal sealed class WrittenAnswer
{
    private readonly StringBuilder _text = new();
    private readonly List<PlacedToken> _tokens = [];

    public string Text => _text.ToString();

    public IReadOnlyList<PlacedToken> Tokens => _tokens;

    public AnswerEnd End { get; private set; } = new(AnswerEnd.Length, 0);

    /// <summary>Waits for all answers of a request.</summary>
    public static async Task<WrittenAnswer[]> ReadAllAsync(AnswerChannel channel, int count)
    {
        WrittenAnswer[] answers = [.. Enumerable.Range(0, count).Select(_ => new WrittenAnswer())];
        await foreach (AnswerPart part in channel.ReadAllAsync()) answers[part.Index].Add(part);
        return answers;
    }

    private void Add(AnswerPart part)
    {
        _text.Append(part.Text);
        _tokens.AddRange(part.Tokens);
        if (part.End is not null) End = part.End;
    }
}
