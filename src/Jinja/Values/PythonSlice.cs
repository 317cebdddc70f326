using System.Text;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>start:stop:step, any of them None.</summary>
internal sealed record PythonSlice(object? Start, object? Stop, object? Step)
{
    public string Apply(RenderContext context, string text)
    {
        int[]? offsets = CodePoints.Offsets(text);
        (int start, int step, int count) = Resolve(offsets is null ? text.Length : offsets.Length - 1);
        context.ChargeText(text.Length);
        context.Charge(step == 1 ? 0 : count);
        if (step == 1)
        {
            return offsets is null
                ? text.Substring(start, count)
                : text[offsets[start]..offsets[start + count]];
        }

        var picked = new StringBuilder(count);
        for (int i = 0, at = start; i < count; i++, at += step)
            picked.Append(offsets is null ? text.AsSpan(at, 1) : text.AsSpan(offsets[at], offsets[at + 1] - offsets[at]));
        return picked.ToString();
    }

    public object Apply(RenderContext context, IReadOnlyList<object?> list)
    {
        (int start, int step, int count) = Resolve(list.Count);
        context.ReserveList(count);
        var picked = new object?[count];
        for (int i = 0, at = start; i < count; i++, at += step)
            picked[i] = list[at];
        return list is PythonTuple ? new PythonTuple(picked) : picked;
    }

    private (int Start, int Step, int Count) Resolve(int length)
    {
        // A step beyond the length picks one element, as the length does; so everything fits an int.
        long step = Math.Clamp(Bound(Step, 1), -length - 1L, length + 1L);
        if (Bound(Step, 1) == 0)
            throw new JinjaRenderException("slice step cannot be zero");
        long lowest = step > 0 ? 0 : -1;
        long highest = step > 0 ? length : length - 1;
        long start = Resolve(Start, step > 0 ? lowest : highest);
        long stop = Resolve(Stop, step > 0 ? highest : lowest);
        long span = step > 0 ? stop - start : start - stop;
        long count = span <= 0 ? 0 : ((span - 1) / Math.Abs(step)) + 1;
        return count == 0 ? (0, 1, 0) : ((int)start, (int)step, (int)count);

        long Resolve(object? bound, long missing)
        {
            if (bound is null)
                return missing;
            long value = Bound(bound, 0);
            return Math.Clamp(value < 0 ? value + length : value, lowest, highest);
        }
    }

    private static long Bound(object? bound, long missing)
    {
        if (bound is null)
            return missing;
        if (PythonNumber.TryInteger(bound, out long value))
            return Math.Clamp(value, int.MinValue, int.MaxValue);
        throw new JinjaRenderException("slice indices must be integers or None or have an __index__ method");
    }
}
