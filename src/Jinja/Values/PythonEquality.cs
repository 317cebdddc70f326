using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's ==: by value, 1 equals 1.0 and True, a list never equals a tuple.</summary>
internal static class PythonEquality
{
    public static bool AreEqual(RenderContext context, object? left, object? right)
    {
        (left, right) = (Markup.Plain(left), Markup.Plain(right));
        if (left is string a && right is string b)
        {
            if (a.Length != b.Length)
                return false;
            context.ChargeText(a.Length);
            return a == b;
        }

        if (left is null || right is null || left is string || right is string)
            return left is null && right is null;
        if (PythonNumber.Is(left))
            return PythonNumber.Is(right) && PythonNumber.Compare(left, right) == 0;
        if (left is Undefined)
            return right is Undefined;
        if (left is IReadOnlyList<object?> first && right is IReadOnlyList<object?> second)
            return PythonType.NameOf(left) == PythonType.NameOf(right) && SameItems(context, first, second);
        if (Mapping.Is(left))
            return Mapping.Is(right) && SamePairs(context, left, right);
        return ReferenceEquals(left, right);
    }

    private static bool SameItems(RenderContext context, IReadOnlyList<object?> left, IReadOnlyList<object?> right)
    {
        if (left.Count != right.Count)
            return false;
        context.Enter();
        bool same = true;
        for (int i = 0; same && i < left.Count; i++)
        {
            context.Charge();
            same = AreEqual(context, left[i], right[i]);
        }

        context.Leave();
        return same;
    }

    private static bool SamePairs(RenderContext context, object left, object right)
    {
        if (Mapping.Count(left) != Mapping.Count(right))
            return false;
        context.Enter();
        bool same = true;
        foreach ((object? key, object? value) in Mapping.Pairs(left))
        {
            context.Charge();
            same = Mapping.TryGet(context, right, key, out object? other) && AreEqual(context, value, other);
            if (!same)
                break;
        }

        context.Leave();
        return same;
    }
}

/// <summary>Python's equality and hash for the keys of a dictionary.</summary>
internal sealed class PythonKeyComparer(RenderContext context) : IEqualityComparer<object>
{
    public bool IsHashable(object? value)
    {
        if (value is not PythonTuple tuple)
            return value is PythonRange || !(value is IReadOnlyList<object?> || Mapping.Is(value));
        context.Enter();
        context.Charge(tuple.Count);
        bool hashable = tuple.All(IsHashable);
        context.Leave();
        return hashable;
    }

    public new bool Equals(object? x, object? y) => PythonEquality.AreEqual(context, x, y);

    public int GetHashCode([DisallowNull] object obj)
    {
        switch (Markup.Plain(obj))
        {
            case string text:
                context.ChargeText(text.Length);
                return text.GetHashCode(StringComparison.Ordinal);
            case Undefined:
                return 0;
            case PythonTuple tuple:
                context.Enter();
                var hash = new HashCode();
                foreach (object? item in tuple)
                {
                    context.Charge();
                    hash.Add(item is null ? 0 : GetHashCode(item));
                }

                context.Leave();
                return hash.ToHashCode();
            default:
                return PythonNumber.Is(obj) ? PythonNumber.Hash(obj) : RuntimeHelpers.GetHashCode(obj);
        }
    }
}
