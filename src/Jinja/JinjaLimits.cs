namespace TrainingService.Jinja;

/// <summary>What one rendering may cost. Templates arrive inside models from strangers, so all of it is bounded.</summary>
public sealed record JinjaLimits
{
    /// <summary>Evaluated nodes, list elements produced and (sixteen to a step) characters produced or searched.</summary>
    public long MaxSteps { get; init; } = 20_000_000;

    /// <summary>Characters of the rendered text, and of every string made on the way to it.</summary>
    public int MaxOutputCharacters { get; init; } = 16 * 1024 * 1024;

    /// <summary>Elements of any one list.</summary>
    public int MaxListLength { get; init; } = 1_000_000;

    /// <summary>Nested macro calls, recursive loops and levels of nested data that are printed or compared.</summary>
    public int MaxDepth { get; init; } = 200;
}
