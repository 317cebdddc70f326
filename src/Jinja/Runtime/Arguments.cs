using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Runtime;

/// <summary>The values of a call, before they meet a signature.</summary>
internal readonly record struct Arguments(object?[] Positional, KeyValuePair<string, object?>[] Keywords)
{
    public static readonly Arguments None = new([], []);

    public Arguments Skip(int count) => new(Positional[count..], Keywords);

    public bool TryGetKeyword(string name, out object? value)
    {
        foreach ((string key, object? candidate) in Keywords)
        {
            if (key == name)
            {
                value = candidate;
                return true;
            }
        }

        value = null;
        return false;
    }

    /// <summary>Assigns the values to parameters by place and by name, as Python does; those left out are absent.</summary>
    public BoundArguments Bind(string function, string[] parameters)
    {
        if (Positional.Length > parameters.Length)
        {
            throw new JinjaRenderException(
                $"{function}() takes at most {parameters.Length} arguments ({Positional.Length} given)");
        }

        if (parameters.Length == 0 && Keywords.Length == 0)
            return new BoundArguments(function, parameters, []);
        var values = new object?[parameters.Length];
        Array.Fill(values, BoundArguments.Absent);
        Positional.CopyTo(values, 0);
        foreach ((string name, object? value) in Keywords)
        {
            int i = Array.IndexOf(parameters, name);
            if (i < 0)
                throw new JinjaRenderException($"{function}() got an unexpected keyword argument {PythonText.Quote(name)}");
            if (values[i] != BoundArguments.Absent)
                throw new JinjaRenderException($"{function}() got multiple values for argument {PythonText.Quote(name)}");
            values[i] = value;
        }

        return new BoundArguments(function, parameters, values);
    }
}

/// <summary>A call's values by parameter, with the conversions that functions need.</summary>
internal readonly struct BoundArguments(string function, string[] parameters, object?[] values)
{
    public static readonly object Absent = new();

    public bool Has(int i) => values[i] != Absent;

    public object? this[int i] => Has(i)
        ? values[i]
        : throw new JinjaRenderException($"{function}() missing required argument {PythonText.Quote(parameters[i])}");

    public object? Or(int i, object? fallback) => Has(i) ? values[i] : fallback;

    public bool Flag(int i) => Has(i) && PythonTruth.Of(values[i]);

    public string Text(int i) => Markup.Plain(this[i]) as string ?? throw Wrong(i, "a str");

    /// <summary>A text, or null when absent or None.</summary>
    public string? TextOrNone(int i) => Or(i, null) is null ? null : Text(i);

    public long Integer(int i) => PythonNumber.TryInteger(this[i], out long value) ? value : throw Wrong(i, "an integer");

    /// <summary>An integer, or the fallback when absent or None.</summary>
    public long Integer(int i, long fallback) => Or(i, null) is null ? fallback : Integer(i);

    private JinjaRenderException Wrong(int i, string wanted) => new(
        $"{function}() argument {PythonText.Quote(parameters[i])} must be {wanted}, not {PythonType.NameOf(values[i])}");
}
