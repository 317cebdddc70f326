using System.Globalization;
using System.Text;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's json.dumps as transformers' tojson filter calls it: no HTML escapes, non-ASCII text kept.</summary>
internal sealed class JsonText(RenderContext context, bool ensureAscii, string? indent, string itemSeparator, string keySeparator, bool sortKeys)
{
    private readonly BoundedText _text = new(context);
    private int _level;

    public string Write(object? value)
    {
        Append(value);
        return _text.ToString();
    }

    private void Append(object? value)
    {
        context.Enter();
        value = Markup.Plain(value);
        switch (value)
        {
            case null:
                _text.Append("null");
                break;
            case bool truth:
                _text.Append(truth ? "true" : "false");
                break;
            case string text:
                AppendString(text);
                break;
            case IReadOnlyList<object?> list and not PythonRange:
                AppendList(list);
                break;
            default:
                if (PythonNumber.Is(value))
                    _text.Append(Number(value));
                else if (Mapping.Is(value))
                    AppendObject(value);
                else
                    throw new JinjaRenderException($"Object of type {PythonType.NameOf(value)} is not JSON serializable");
                break;
        }

        context.Leave();
    }

    private string Number(object? value) => value switch
    {
        double.NaN => "NaN",
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        _ => PythonText.Of(context, value),
    };

    private void AppendList(IReadOnlyList<object?> list)
    {
        _text.Append("[");
        _level++;
        for (int i = 0; i < list.Count; i++)
        {
            StartItem(first: i == 0);
            Append(list[i]);
        }

        EndItems(empty: list.Count == 0, "]");
    }

    private void AppendObject(object mapping)
    {
        _text.Append("{");
        _level++;
        IEnumerable<KeyValuePair<object?, object?>> pairs = Mapping.Pairs(mapping);
        if (sortKeys)
        {
            IReadOnlyList<object?> sorted = PythonOrder.Sort(
                context, Mapping.Items(context, mapping), item => ((PythonTuple)item!)[0], descending: false);
            pairs = sorted.Select(item => new KeyValuePair<object?, object?>(((PythonTuple)item!)[0], ((PythonTuple)item)[1]));
        }

        bool first = true;
        foreach ((object? key, object? value) in pairs)
        {
            StartItem(first);
            first = false;
            AppendString(Key(key));
            _text.Append(keySeparator);
            Append(value);
        }

        EndItems(empty: first, "}");
    }

    private string Key(object? key) => Markup.Plain(key) switch
    {
        string text => text,
        null => "null",
        true => "true",
        false => "false",
        _ when PythonNumber.Is(key) => Number(key),
        _ => throw new JinjaRenderException(
            $"keys must be str, int, float, bool or None, not {PythonType.NameOf(key)}"),
    };

    private void StartItem(bool first)
    {
        if (!first)
            _text.Append(itemSeparator);
        NewLine();
    }

    private void EndItems(bool empty, string close)
    {
        _level--;
        if (!empty)
            NewLine();
        _text.Append(close);
    }

    private void NewLine()
    {
        if (indent is null)
            return;
        _text.Append('\n');
        for (int i = 0; i < _level; i++)
            _text.Append(indent);
    }

    private void AppendString(string text)
    {
        context.CheckLength(text.Length);
        var escaped = new StringBuilder(text.Length + 2).Append('"');
        foreach (char c in text)
        {
            _ = c switch
            {
                '"' => escaped.Append("\\\""),
                '\\' => escaped.Append("\\\\"),
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                '\f' => escaped.Append("\\f"),
                '\b' => escaped.Append("\\b"),
                < ' ' => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                > '~' when ensureAscii => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}"),
                _ => escaped.Append(c),
            };
        }

        _text.Append(escaped.Append('"').ToString());
    }
}
