using System.Runtime.CompilerServices;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Runtime;

/// <summary>What belongs to one rendering: the variables, the output so far, and what is left of the limits.</summary>
internal sealed class RenderContext
{
    public const int CharactersPerStep = 16;

    private readonly IReadOnlyDictionary<string, object?> _variables;
    private long _stepsLeft;
    private int _depth;

    public RenderContext(IReadOnlyDictionary<string, object?> variables, JinjaLimits limits, TimeProvider timeProvider)
    {
        _variables = variables;
        _stepsLeft = limits.MaxSteps;
        Limits = limits;
        TimeProvider = timeProvider;
        Output = new BoundedText(this);
        KeyComparer = new PythonKeyComparer(this);
    }

    public JinjaLimits Limits { get; }

    public TimeProvider TimeProvider { get; }

    public PythonKeyComparer KeyComparer { get; }

    /// <summary>Where text goes now: the page, or the inside of a macro, a set block or a filter block.</summary>
    public BoundedText Output { get; private set; }

    /// <summary>The line of the statement being executed, for errors.</summary>
    public int Line { get; set; }

    public object? Lookup(string name)
    {
        if (_variables.TryGetValue(name, out object? value) || Library.Globals.TryGet(name, out value))
            return value;
        return new Undefined($"{PythonText.Quote(name)} is undefined");
    }

    public void Charge(long steps = 1)
    {
        if ((_stepsLeft -= steps) < 0)
            throw new JinjaRenderException($"the template took more than {Limits.MaxSteps} steps");
    }

    /// <summary>Pays for reading or making that many characters.</summary>
    public void ChargeText(long characters) => Charge(characters / CharactersPerStep);

    /// <summary>Pays for the worst case of looking for one text in another.</summary>
    public void ChargeSearch(string text, string wanted) =>
        ChargeText((text.Length * (long)Math.Max(wanted.Length, 1) / CharactersPerStep) + text.Length);

    /// <summary>Refuses a text before it is made; pays for it otherwise.</summary>
    public void Reserve(long characters)
    {
        CheckLength(characters);
        ChargeText(characters);
    }

    public void CheckLength(long characters)
    {
        if (characters > Limits.MaxOutputCharacters)
            throw new JinjaRenderException($"the template made a text of more than {Limits.MaxOutputCharacters} characters");
    }

    /// <summary>Refuses a list before it is made; pays for it otherwise.</summary>
    public void ReserveList(long elements)
    {
        if (elements > Limits.MaxListLength)
            throw new JinjaRenderException($"the template made a list of more than {Limits.MaxListLength} elements");
        Charge(elements);
    }

    /// <summary>
    /// One level deeper. The thread's own stack is checked as well, as its size is the host's choice:
    /// running out of it would end the process.
    /// </summary>
    public void Enter()
    {
        if (++_depth > Limits.MaxDepth)
            throw new JinjaRenderException($"the template went more than {Limits.MaxDepth} levels deep");
        CheckStack();
    }

    public void Leave() => _depth--;

    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw new JinjaRenderException("the template is nested too deeply");
    }

    /// <summary>Sends what follows to a new text; give the result to <see cref="EndCapture"/>.</summary>
    public BoundedText BeginCapture()
    {
        BoundedText outer = Output;
        Output = new BoundedText(this);
        return outer;
    }

    public string EndCapture(BoundedText outer)
    {
        string text = Output.ToString();
        Output = outer;
        return text;
    }
}
