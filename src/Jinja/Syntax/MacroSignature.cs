namespace TrainingService.Jinja.Syntax;

/// <summary>Which of the special variables a macro's body reads; only then may a call provide them.</summary>
[Flags]
internal enum MacroUses
{
    None = 0,
    Caller = 1,
    Keywords = 2,
    Positional = 4,
}

/// <summary>A macro's parameters; the defaults belong to the last of them. A call block's body has no name.</summary>
internal sealed record MacroSignature(string? Name, string[] Parameters, Expression[] Defaults)
{
    public MacroUses Uses { get; init; }
}
