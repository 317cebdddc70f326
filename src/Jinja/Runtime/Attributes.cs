using TrainingService.Jinja.Library;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Runtime;

/// <summary>What <c>a.b</c> and <c>a[b]</c> mean: no reflection, only what is listed here and in the method tables.</summary>
internal static class Attributes
{
    /// <summary><c>target.name</c>: the type's own attribute first, then the item of that name.</summary>
    public static object? Get(RenderContext context, object? target, string name)
    {
        Undefined.Refuse(target);
        if (TryGetOwn(target, name, out object? value))
            return value;
        return Mapping.Is(target) && Mapping.TryGet(context, target, name, out value) ? value : Undefined.Attribute(target, name);
    }

    /// <summary><c>target[key]</c>: the item first, then the attribute of that name.</summary>
    public static object? GetItem(RenderContext context, object? target, object? key)
    {
        Undefined.Refuse(target);
        if (TryGetItem(context, target, key, out object? value))
            return value;
        if (key is PythonSlice)
            throw new JinjaRenderException($"'{PythonType.NameOf(target)}' object is not subscriptable");
        return Markup.Plain(key) is string name && TryGetOwn(target, name, out value) ? value : Undefined.Attribute(target, key);
    }

    private static bool TryGetItem(RenderContext context, object? target, object? key, out object? value)
    {
        value = null;
        if (Mapping.Is(target))
            return Mapping.TryGet(context, target, key, out value);
        if (target is string text)
            return TryGetCharacter(context, text, key, out value);
        if (target is Markup markup)
        {
            bool found = TryGetCharacter(context, markup.Text, key, out value);
            value = Markup.Mark(value);
            return found;
        }

        if (target is not IReadOnlyList<object?> list)
            return false;
        if (key is PythonSlice slice)
            value = slice.Apply(context, list);
        else if (PythonNumber.TryInteger(key, out long index) && InRange(ref index, list.Count))
            value = list[(int)index];
        else
            return false;
        return true;
    }

    private static bool TryGetCharacter(RenderContext context, string text, object? key, out object? value)
    {
        value = null;
        context.ChargeText(text.Length);
        if (key is PythonSlice slice)
        {
            value = slice.Apply(context, text);
            return true;
        }

        if (!PythonNumber.TryInteger(key, out long index))
            return false;
        int[]? offsets = CodePoints.Offsets(text);
        if (!InRange(ref index, offsets is null ? text.Length : offsets.Length - 1))
            return false;
        value = offsets is null
            ? text[(int)index].ToString()
            : text[offsets[(int)index]..offsets[(int)index + 1]];
        return true;
    }

    private static bool InRange(ref long index, int count)
    {
        if (index < 0)
            index += count;
        return index >= 0 && index < count;
    }

    private static bool TryGetOwn(object? target, string name, out object? value)
    {
        value = target switch
        {
            string text => StringMethods.Find(text, name),
            Markup markup => markup.Find(name),
            PythonNamespace names => names.Attributes.TryGet(name, out object? attribute) ? attribute : BoundArguments.Absent,
            LoopState loop => loop.Get(name),
            Macro macro => macro.Get(name),
            Cycler cycler => cycler.Get(name),
            PythonTuple tuple when tuple.TryGetField(name, out object? field) => field,
            IReadOnlyList<object?> list => ContainerMethods.Find(list, name),
            _ when Mapping.Is(target) => ContainerMethods.FindForMapping(target!, name),
            _ => BoundArguments.Absent,
        };
        return value != BoundArguments.Absent;
    }
}
