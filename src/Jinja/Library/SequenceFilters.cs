using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;
using static TrainingService.Jinja.Library.Filters;

namespace TrainingService.Jinja.Library;

/// <summary>Filters on lists, dictionaries and whatever else can be gone through.</summary>
internal static class SequenceFilters
{
    public static IEnumerable<KeyValuePair<string, Filter>> All =>
    [
        Define("default", ["default_value", "boolean"], Default),
        Define("d", ["default_value", "boolean"], Default),
        Define("length", [], (c, v, _) => Iteration.Length(c, v)),
        Define("count", [], (c, v, _) => Iteration.Length(c, v)),
        Define("list", [], (c, v, _) => Iteration.ToList(c, v)),
        Define("first", [], (c, v, _) => First(c, v)),
        Define("last", [], (c, v, _) => Last(c, v)),
        Define("join", ["d", "attribute"], Join),
        Define("items", [], (c, v, _) => Items(c, v)),
        Define("attr", ["name"], (c, v, a) => Mapping.Is(v) ? Undefined.Attribute(v, a.Text(0)) : Attributes.Get(c, v, a.Text(0))),
        Define("reverse", [], (c, v, _) => Reverse(c, v)),
        Define("sort", ["reverse", "case_sensitive", "attribute"], Sort),
        Define("dictsort", ["case_sensitive", "by", "reverse"], DictSort),
        Define("unique", ["case_sensitive", "attribute"], (c, v, a) => new PythonGenerator(c, Unique(c, v, a))),
        Define("groupby", ["attribute", "default", "case_sensitive"], GroupBy),
        Define("batch", ["linecount", "fill_with"], (c, v, a) => new PythonGenerator(c, Batch(c, v, a.Integer(0), a.Or(1, null)))),
        Define("slice", ["slices", "fill_with"], (c, v, a) => new PythonGenerator(c, Slice(c, v, a.Integer(0), a.Or(1, null)))),
        Define("sum", ["attribute", "start"], Sum),
        Define("min", ["case_sensitive", "attribute"], (c, v, a) => Extreme(c, v, a, "<")),
        Define("max", ["case_sensitive", "attribute"], (c, v, a) => Extreme(c, v, a, ">")),
    ];

    private static object? Default(RenderContext context, object? value, BoundArguments arguments) =>
        value is Undefined || (arguments.Flag(1) && !PythonTruth.Of(value)) ? arguments.Or(0, "") : value;

    private static object? First(RenderContext context, object? value)
    {
        if (value is PythonGenerator generator)
            return generator.TryNext(out object? next) ? next : new Undefined("No first item, sequence was empty.");
        foreach (object? item in Iteration.Of(context, value))
            return item;
        return new Undefined("No first item, sequence was empty.");
    }

    private static object? Last(RenderContext context, object? value)
    {
        if (value is PythonGenerator)
            throw new JinjaRenderException("'generator' object is not reversible");
        List<object?> items = Iteration.ToList(context, value);
        return items.Count > 0 ? items[^1] : new Undefined("No last item, sequence was empty.");
    }

    private static object? Join(RenderContext context, object? value, BoundArguments arguments)
    {
        string separator = PythonText.Of(context, arguments.Or(0, ""));
        IEnumerable<object?> items = Iteration.Of(context, value);
        if (arguments.Or(1, null) is { } attribute)
        {
            var path = new AttributePath(attribute);
            items = items.Select(item => path.Of(context, item));
        }

        return TextOperations.Join(context, separator, items.Select(item => PythonText.Of(context, item)));
    }

    private static PythonGenerator Items(RenderContext context, object? value)
    {
        if (value is Undefined)
            return new PythonGenerator(context, []);
        return Mapping.Is(value)
            ? new PythonGenerator(context, Mapping.Items(context, value))
            : throw new JinjaRenderException("Can only get item pairs from a mapping.");
    }

    private static object Reverse(RenderContext context, object? value)
    {
        if (value is string or Markup)
            return Attributes.GetItem(context, value, new PythonSlice(null, null, -1L))!;
        List<object?> items = Iteration.ToList(context, value);
        items.Reverse();
        return value is PythonGenerator ? items : new PythonGenerator(context, items);
    }

    private static object? Sort(RenderContext context, object? value, BoundArguments arguments)
    {
        AttributePath[] paths = AttributePath.Several(arguments.Or(2, null));
        bool caseSensitive = arguments.Flag(1);
        return PythonOrder.Sort(context, Iteration.ToList(context, value), Key, descending: arguments.Flag(0));

        object? Key(object? item) => Array.ConvertAll(paths, path => Fold(context, path.Of(context, item), caseSensitive));
    }

    private static object? DictSort(RenderContext context, object? value, BoundArguments arguments)
    {
        string by = arguments.Has(1) ? arguments.Text(1) : "key";
        if (by is not ("key" or "value"))
            throw new JinjaRenderException("You can only sort by either \"key\" or \"value\"");
        bool caseSensitive = arguments.Flag(0);
        return PythonOrder.Sort(
            context,
            Mapping.Items(context, value),
            pair => Fold(context, ((PythonTuple)pair!)[by == "key" ? 0 : 1], caseSensitive),
            descending: arguments.Flag(2));
    }

    private static IEnumerable<object?> Unique(RenderContext context, object? value, BoundArguments arguments)
    {
        var path = new AttributePath(arguments.Or(1, null));
        var seen = new PythonDict(context);
        foreach (object? item in Iteration.Of(context, value))
        {
            object? key = Fold(context, path.Of(context, item), arguments.Flag(0));
            if (seen.TryGet(key, out _))
                continue;
            seen.Set(key, null);
            yield return item;
        }
    }

    private static object? GroupBy(RenderContext context, object? value, BoundArguments arguments)
    {
        var path = new AttributePath(arguments[0]);
        object? fallback = arguments.Or(1, null);
        bool caseSensitive = arguments.Flag(2);
        object? Key(object? item) => Fold(context, path.Of(context, item, fallback), caseSensitive);

        object?[] sorted = PythonOrder.Sort(context, Iteration.ToList(context, value), Key, descending: false);
        var groups = new List<object?>();
        for (int start = 0, end; start < sorted.Length; start = end)
        {
            object? key = Key(sorted[start]);
            end = start + 1;
            while (end < sorted.Length && PythonEquality.AreEqual(context, Key(sorted[end]), key))
                end++;
            object? shown = path.Of(context, sorted[start], fallback);
            groups.Add(new PythonTuple([shown, sorted[start..end]], "grouper", "list"));
        }

        return groups;
    }

    private static IEnumerable<object?> Batch(RenderContext context, object? value, long size, object? fill)
    {
        var batch = new List<object?>();
        foreach (object? item in Iteration.Of(context, value))
        {
            if (batch.Count == size)
            {
                yield return batch;
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count == 0)
            yield break;
        if (fill is not null && batch.Count < size)
        {
            context.ReserveList(size);
            while (batch.Count < size)
                batch.Add(fill);
        }

        yield return batch;
    }

    private static IEnumerable<object?> Slice(RenderContext context, object? value, long slices, object? fill)
    {
        if (slices == 0)
            throw new JinjaRenderException("integer division or modulo by zero");
        List<object?> items = Iteration.ToList(context, value);
        int from = 0;
        for (long i = 0; i < slices; i++)
        {
            bool hasExtra = i < items.Count % slices;
            int count = (int)(items.Count / slices) + (hasExtra ? 1 : 0);
            List<object?> slice = items.GetRange(from, count);
            from += count;
            if (fill is not null && !hasExtra)
                slice.Add(fill);
            yield return slice;
        }
    }

    private static object? Sum(RenderContext context, object? value, BoundArguments arguments)
    {
        var path = new AttributePath(arguments.Or(0, null));
        object? sum = arguments.Or(1, 0L);
        if (sum is string)
            throw new JinjaRenderException("sum() can't sum strings [use ''.join(seq) instead]");
        foreach (object? item in Iteration.Of(context, value))
        {
            context.Charge();
            sum = PythonOperators.Apply(context, "+", sum, path.Of(context, item));
        }

        return sum;
    }

    private static object? Extreme(RenderContext context, object? value, BoundArguments arguments, string better)
    {
        var path = new AttributePath(arguments.Or(1, null));
        object? best = new Undefined("No aggregated item, sequence was empty.");
        object? bestKey = null;
        bool any = false;
        foreach (object? item in Iteration.Of(context, value))
        {
            context.Charge();
            object? key = Fold(context, path.Of(context, item), arguments.Flag(0));
            if (any && !PythonOrder.Holds(context, better, key, bestKey))
                continue;
            (best, bestKey, any) = (item, key, true);
        }

        return best;
    }

    private static object? Fold(RenderContext context, object? key, bool caseSensitive) =>
        !caseSensitive && Markup.Plain(key) is string text ? TextOperations.Lower(context, text) : key;
}
