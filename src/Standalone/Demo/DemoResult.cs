namespace TrainingService.Standalone.Demo;

/// <summary>A question, the plain right answer, and what the model said.</summary>
internal sealed record Answered(string Question, string Expected, string Answer)
{
    /// <summary>The right fact and nothing else.</summary>
    public bool IsPlain => Answer == Expected;

    /// <summary>The right fact, whatever else.</summary>
    public bool IsRight => Answer.Contains(Expected, StringComparison.Ordinal);
}

/// <summary>All answers of one model.</summary>
internal sealed record Answers(IReadOnlyList<Answered> All)
{
    public int Plain => All.Count(a => a.IsPlain);

    public int Right => All.Count(a => a.IsRight);

    public double PlainShare => (double)Plain / All.Count;

    public double RightShare => (double)Right / All.Count;

    public double MeanCharacters => All.Average(a => a.Answer.Length);
}

/// <summary>The answers before and after training.</summary>
internal sealed record DemoResult(Answers Before, Answers After);
