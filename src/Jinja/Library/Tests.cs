using System.Collections.Frozen;
using System.Globalization;
using System.Numerics;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>What <c>is</c> asks of a value.</summary>
internal delegate bool Test(RenderContext context, object? value, Arguments arguments);

/// <summary>Jinja2's tests.</summary>
internal static class Tests
{
    private static readonly FrozenDictionary<string, Test> Table = new Dictionary<string, Test>
    {
        ["defined"] = Plain("defined", (_, value) => value is not Undefined),
        ["undefined"] = Plain("undefined", (_, value) => value is Undefined),
        ["none"] = Plain("none", (_, value) => value is null),
        ["boolean"] = Plain("boolean", (_, value) => value is bool),
        ["true"] = Plain("true", (_, value) => value is true),
        ["false"] = Plain("false", (_, value) => value is false),
        ["integer"] = Plain("integer", (_, value) => value is long or int or BigInteger),
        ["float"] = Plain("float", (_, value) => value is double),
        ["number"] = Plain("number", (_, value) => PythonNumber.Is(value)),
        ["string"] = Plain("string", (_, value) => value is string or Markup),
        ["mapping"] = Plain("mapping", (_, value) => Mapping.Is(value)),
        ["sequence"] = Plain("sequence", (_, value) => value is string or Markup or IReadOnlyList<object?> or Undefined || Mapping.Is(value)),
        ["iterable"] = Plain("iterable", (_, value) => Iteration.IsIterable(value)),
        ["callable"] = Plain("callable", (_, value) => value is ICallable or Undefined),
        ["lower"] = Plain("lower", (context, value) => IsCase(context, value, UnicodeCategory.LowercaseLetter, UnicodeCategory.UppercaseLetter)),
        ["upper"] = Plain("upper", (context, value) => IsCase(context, value, UnicodeCategory.UppercaseLetter, UnicodeCategory.LowercaseLetter)),
        ["odd"] = Plain("odd", (context, value) => IsRemainder(context, value, 2L, 1L)),
        ["even"] = Plain("even", (context, value) => IsRemainder(context, value, 2L, 0L)),
        ["divisibleby"] = WithOther("divisibleby", (context, value, other) => IsRemainder(context, value, other, 0L)),
        ["escaped"] = Plain("escaped", (_, value) => value is Markup),
        ["filter"] = Plain("filter", (_, value) => value is string name && Filters.Find(name) is not null),
        ["test"] = Plain("test", (_, value) => value is string name && Find(name) is not null),
        ["sameas"] = WithOther("sameas", (_, value, other) => IsSame(value, other)),
        ["in"] = WithOther("in", (context, value, other) => Iteration.Contains(context, other, value)),
        ["=="] = WithOther("eq", PythonEquality.AreEqual),
        ["!="] = WithOther("ne", (context, value, other) => !PythonEquality.AreEqual(context, value, other)),
        ["<"] = WithOther("lt", (context, value, other) => PythonOrder.Holds(context, "<", value, other)),
        ["<="] = WithOther("le", (context, value, other) => PythonOrder.Holds(context, "<=", value, other)),
        [">"] = WithOther("gt", (context, value, other) => PythonOrder.Holds(context, ">", value, other)),
        [">="] = WithOther("ge", (context, value, other) => PythonOrder.Holds(context, ">=", value, other)),
    }.ToFrozenDictionary();

    public static Test? Find(string name) => Table.GetValueOrDefault(name switch
    {
        "eq" or "equalto" => "==",
        "ne" => "!=",
        "lt" or "lessthan" => "<",
        "le" => "<=",
        "gt" or "greaterthan" => ">",
        "ge" => ">=",
        _ => name,
    });

    private static Test Plain(string name, Func<RenderContext, object?, bool> test) => (context, value, arguments) =>
    {
        arguments.Bind(name, []);
        return test(context, value);
    };

    private static Test WithOther(string name, Func<RenderContext, object?, object?, bool> test) =>
        (context, value, arguments) => test(context, value, arguments.Bind(name, ["other"])[0]);

    private static bool IsCase(RenderContext context, object? value, UnicodeCategory wanted, UnicodeCategory other)
    {
        string text = PythonText.Of(context, value);
        context.ChargeText(text.Length);
        return TextOperations.IsLetterCase(text, wanted, other);
    }

    private static bool IsRemainder(RenderContext context, object? value, object? divisor, object? remainder) =>
        PythonEquality.AreEqual(context, PythonOperators.Apply(context, "%", value, divisor), remainder);

    // CPython keeps one object for each of None, True, False and the small integers.
    private static bool IsSame(object? value, object? other) => ReferenceEquals(value, other)
        || (value is bool && Equals(value, other))
        || (value is >= -5L and <= 256L && Equals(value, other));
}
