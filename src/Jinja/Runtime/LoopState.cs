using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Runtime;

/// <summary>
/// The variable <c>loop</c>. Items are taken one by one, as a loop's own condition may depend on what its body did;
/// only <c>last</c>, <c>nextitem</c> and <c>length</c> look ahead.
/// </summary>
internal sealed class LoopState(
    RenderContext context, IEnumerable<object?> items, int? knownLength, int depth0, Func<object?, int, string>? recurse) : ICallable
{
    private IEnumerator<object?> _items = items.GetEnumerator();
    private int? _length = knownLength;
    private bool _hasNext;
    private object? _next;
    private object? _previous;
    private object?[]? _lastChanged;

    public int Index0 { get; private set; } = -1;

    public object? Current { get; private set; }

    public int Length => _length ??= CountRest();

    public bool MoveNext()
    {
        if (!Peek())
            return false;
        context.Charge();
        _previous = Current;
        Current = _next;
        _hasNext = false;
        Index0++;
        return true;
    }

    public object? Get(string name) => name switch
    {
        "index" => (long)Index0 + 1,
        "index0" => (long)Index0,
        "first" => Index0 == 0,
        "last" => !Peek(),
        "length" => (long)Length,
        "revindex" => (long)Length - Index0,
        "revindex0" => (long)Length - Index0 - 1,
        "previtem" => Index0 == 0 ? new Undefined("there is no previous item") : _previous,
        "nextitem" => Peek() ? _next : new Undefined("there is no next item"),
        "depth" => (long)depth0 + 1,
        "depth0" => (long)depth0,
        "cycle" => new Function("cycle", (_, arguments) => Cycle(arguments.Positional)),
        "changed" => new Function("changed", (_, arguments) => Changed(arguments.Positional)),
        _ => BoundArguments.Absent,
    };

    /// <summary>Renders the loop's body for the items of a deeper level.</summary>
    public object? Call(RenderContext context, Arguments arguments)
    {
        if (recurse is null)
            throw new JinjaRenderException("The loop must have the 'recursive' marker to be called recursively.");
        return recurse(arguments.Bind("loop", ["iterable"])[0], depth0 + 1);
    }

    private bool Peek()
    {
        if (!_hasNext && _items.MoveNext())
        {
            _hasNext = true;
            _next = _items.Current;
        }

        return _hasNext;
    }

    private int CountRest()
    {
        var rest = new List<object?>();
        while (_items.MoveNext())
        {
            context.Charge();
            rest.Add(_items.Current);
        }

        _items = rest.GetEnumerator();
        return rest.Count + Index0 + 1 + (_hasNext ? 1 : 0);
    }

    private object? Cycle(object?[] values) =>
        values.Length > 0 ? values[Index0 % values.Length] : throw new JinjaRenderException("no items for cycling given");

    private bool Changed(object?[] values)
    {
        bool same = _lastChanged is not null
            && PythonEquality.AreEqual(context, new PythonTuple(_lastChanged), new PythonTuple(values));
        _lastChanged = values;
        return !same;
    }
}

/// <summary>What <c>cycler()</c> returns: gives its items round and round.</summary>
internal sealed class Cycler(object?[] items)
{
    private int _position;

    public object? Get(string name) => name switch
    {
        "current" => items[_position],
        "next" => new Function("next", (_, _) => Next()),
        "reset" => new Function("reset", (_, _) => Reset()),
        _ => BoundArguments.Absent,
    };

    private object? Next()
    {
        object? item = items[_position];
        _position = (_position + 1) % items.Length;
        return item;
    }

    private object? Reset()
    {
        _position = 0;
        return null;
    }
}
