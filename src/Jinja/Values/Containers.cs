using System.Collections;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>A Python tuple; fields, where it has them, can be read by name (as the groups of groupby).</summary>
internal sealed class PythonTuple(object?[] items, params string[] fields) : IReadOnlyList<object?>
{
    public int Count => items.Length;

    public object? this[int index] => items[index];

    public bool TryGetField(string name, out object? value)
    {
        int i = Array.IndexOf(fields, name);
        value = i < 0 ? null : items[i];
        return i >= 0;
    }

    public IEnumerator<object?> GetEnumerator() => ((IEnumerable<object?>)items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A dictionary made by a template: any hashable key, in the order of insertion.</summary>
internal sealed class PythonDict(RenderContext context)
{
    // The BCL's dictionaries refuse null, which is Python's None and a fine key.
    private static readonly object None = new();
    private readonly OrderedDictionary<object, object?> _items = new(context.KeyComparer);

    public int Count => _items.Count;

    public IEnumerable<KeyValuePair<object?, object?>> Pairs =>
        _items.Select(pair => new KeyValuePair<object?, object?>(pair.Key == None ? null : pair.Key, pair.Value));

    public void Set(object? key, object? value)
    {
        if (!context.KeyComparer.IsHashable(key))
            throw new JinjaRenderException($"unhashable type: '{PythonType.NameOf(key)}'");
        _items[key ?? None] = value;
    }

    public bool TryGet(object? key, out object? value)
    {
        value = null;
        return context.KeyComparer.IsHashable(key) && _items.TryGetValue(key ?? None, out value);
    }
}

/// <summary>The attributes that <c>namespace()</c> makes and <c>{% set ns.x = … %}</c> changes.</summary>
internal sealed class PythonNamespace(PythonDict attributes)
{
    public PythonDict Attributes { get; } = attributes;
}

/// <summary>What <c>range()</c> returns.</summary>
internal sealed class PythonRange(long start, long stop, long step, int count) : IReadOnlyList<object?>
{
    public int Count => count;

    public object? this[int index] => start + (index * step);

    public IEnumerator<object?> GetEnumerator() => Enumerable.Range(0, count).Select(i => this[i]).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public override string ToString() => step == 1 ? $"range({start}, {stop})" : $"range({start}, {stop}, {step})";
}

/// <summary>What a dictionary's keys(), values() and items() return: a list that prints its kind and has no index.</summary>
internal sealed class DictView(string kind, IReadOnlyList<object?> items) : IEnumerable<object?>
{
    public string Kind { get; } = kind;

    public IReadOnlyList<object?> Items { get; } = items;

    public IEnumerator<object?> GetEnumerator() => Items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>
/// What map, select and other lazy filters return: runs once, when something asks for it, and is always true.
/// </summary>
internal sealed class PythonGenerator(RenderContext context, IEnumerable<object?> items) : IEnumerable<object?>
{
    private readonly IEnumerator<object?> _items = items.GetEnumerator();

    public bool TryNext(out object? value)
    {
        // A generator may pull from another one, which may pull from another one, …
        context.Enter();
        context.Charge();
        bool any = _items.MoveNext();
        context.Leave();
        value = any ? _items.Current : null;
        return any;
    }

    public IEnumerator<object?> GetEnumerator()
    {
        while (TryNext(out object? value))
            yield return value;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
