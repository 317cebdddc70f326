namespace TrainingService.Jinja.Runtime;

/// <summary>
/// The names that a loop body, a macro or the template itself has set. Few at a time,
/// so a scan over an array is faster than a dictionary.
/// </summary>
internal sealed class Scope(Scope? parent)
{
    private KeyValuePair<string, object?>[] _entries = [];
    private int _count;

    public void Set(string name, object? value)
    {
        int i = IndexOf(name);
        if (i < 0)
        {
            if (_count == _entries.Length)
                Array.Resize(ref _entries, Math.Max(4, _count * 2));
            i = _count++;
        }

        _entries[i] = new(name, value);
    }

    public bool TryGet(string name, out object? value)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Parent)
        {
            int i = scope.IndexOf(name);
            if (i >= 0)
            {
                value = scope._entries[i].Value;
                return true;
            }
        }

        value = null;
        return false;
    }

    private Scope? Parent { get; } = parent;

    private int IndexOf(string name)
    {
        for (int i = 0; i < _count; i++)
        {
            if (_entries[i].Key == name)
                return i;
        }

        return -1;
    }
}
