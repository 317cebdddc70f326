using System.Numerics;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's names for the types of values, as its error messages have them.</summary>
internal static class PythonType
{
    public static string NameOf(object? value) => value switch
    {
        null => "NoneType",
        string => "str",
        Markup => "Markup",
        bool => "bool",
        int or long or BigInteger => "int",
        double => "float",
        PythonTuple => "tuple",
        PythonRange => "range",
        IReadOnlyList<object?> => "list",
        PythonDict or IReadOnlyDictionary<string, object?> => "dict",
        Undefined => "Undefined",
        PythonNamespace => "Namespace",
        PythonSlice => "slice",
        PythonGenerator => "generator",
        DictView view => view.Kind,
        LoopState => "LoopContext",
        Macro => "Macro",
        Cycler => "Cycler",
        ICallable => "function",
        _ => throw new JinjaRenderException(
            $"a variable holds a {value.GetType()}: give null, bool, int, long, double, string, lists and dictionaries of these"),
    };

    /// <summary>The type as Jinja2's messages about undefined attributes have it.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "None",
        PythonNamespace => "jinja2.utils.Namespace object",
        LoopState => "jinja2.runtime.LoopContext object",
        Macro => "jinja2.runtime.Macro object",
        _ => NameOf(value) + " object",
    };
}
