using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's order: numbers with numbers, texts by code point, lists item by item; anything else is an error.</summary>
internal static class PythonOrder
{
    /// <summary>left &lt; right, left &lt;= right and so on, by Python's name of the operator.</summary>
    public static bool Holds(RenderContext context, string comparison, object? left, object? right)
    {
        int? order = Compare(context, comparison, left, right);
        return comparison switch
        {
            "<" => order < 0,
            "<=" => order <= 0,
            ">" => order > 0,
            _ => order >= 0,
        };
    }

    /// <summary>
    /// Sorts stably with nothing but "less than". The BCL's sorts throw, or worse, when an order is not one (NaN).
    /// </summary>
    public static object?[] Sort(RenderContext context, IReadOnlyList<object?> items, Func<object?, object?> key, bool descending)
    {
        var entries = new (object? Key, object? Item)[items.Count];
        for (int i = 0; i < entries.Length; i++)
            entries[i] = (key(items[i]), items[i]);
        var merged = new (object? Key, object? Item)[entries.Length];
        for (int width = 1; width < entries.Length; width *= 2)
        {
            for (int start = 0; start < entries.Length; start += 2 * width)
                Merge(start, Math.Min(start + width, entries.Length), Math.Min(start + (2 * width), entries.Length));
            (entries, merged) = (merged, entries);
        }

        return Array.ConvertAll(entries, entry => entry.Item);

        void Merge(int start, int middle, int end)
        {
            int left = start;
            int right = middle;
            for (int i = start; i < end; i++)
            {
                context.Charge();
                bool takeRight = right < end && (left >= middle || (descending
                    ? Holds(context, "<", entries[left].Key, entries[right].Key)
                    : Holds(context, "<", entries[right].Key, entries[left].Key)));
                merged[i] = entries[takeRight ? right++ : left++];
            }
        }
    }

    private static int? Compare(RenderContext context, string comparison, object? left, object? right)
    {
        Undefined.Refuse(left, right);
        (left, right) = (Markup.Plain(left), Markup.Plain(right));
        if (left is string a && right is string b)
        {
            context.ChargeText(Math.Min(a.Length, b.Length));
            return CodePoints.Compare(a, b);
        }

        if (left is not null && right is not null && PythonNumber.Is(left) && PythonNumber.Is(right))
            return PythonNumber.Compare(left, right);
        if (left is IReadOnlyList<object?> first && right is IReadOnlyList<object?> second
            && PythonType.NameOf(left) is "list" or "tuple" && PythonType.NameOf(left) == PythonType.NameOf(right))
        {
            return CompareItems(context, comparison, first, second);
        }

        throw new JinjaRenderException(
            $"'{comparison}' not supported between instances of '{PythonType.NameOf(left)}' and '{PythonType.NameOf(right)}'");
    }

    private static int? CompareItems(
        RenderContext context, string comparison, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        context.Enter();
        int? order = left.Count.CompareTo(right.Count);
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            context.Charge();
            if (PythonEquality.AreEqual(context, left[i], right[i]))
                continue;
            order = Compare(context, comparison, left[i], right[i]);
            break;
        }

        context.Leave();
        return order;
    }
}
