using TrainingService.Jinja.Library;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>
/// What the filters safe and escape return: a text that escapes, as HTML, any other text added to it.
/// Real chat templates add to it, and models were trained on the result.
/// </summary>
internal sealed class Markup(string text)
{
    public string Text { get; } = text;

    /// <summary>The value itself, or the plain text of a markup, for all operations that do not tell them apart.</summary>
    public static object? Plain(object? value) => value is Markup markup ? markup.Text : value;

    public static Markup Escape(RenderContext context, object? value) =>
        value as Markup ?? new Markup(TextOperations.Escape(context, PythonText.Of(context, value)));

    /// <summary>Texts that come from a markup are markup too, also inside of a list.</summary>
    public static object? Mark(object? result) => result switch
    {
        string text => new Markup(text),
        PythonTuple tuple => new PythonTuple([.. tuple.Select(Mark)]),
        IReadOnlyList<object?> list => list.Select(Mark).ToArray(),
        _ => result,
    };

    /// <summary>The method of str, with texts in its arguments escaped where they become part of the result.</summary>
    public object? Find(string name)
    {
        if (StringMethods.Find(Text, name) is not Function method)
            return BoundArguments.Absent;
        bool inserts = name is "join" or "replace" or "format";
        return new Function(name, (context, arguments) =>
            Mark(method.Call(context, inserts ? EscapeTexts(context, name, arguments) : arguments)));
    }

    private static Arguments EscapeTexts(RenderContext context, string name, Arguments arguments)
    {
        object? EscapeText(object? value) => value switch
        {
            string or Markup => Escape(context, value).Text,
            IReadOnlyList<object?> items when name == "join" => items.Select(EscapeText).ToArray(),
            _ => value,
        };

        object?[] positional = Array.ConvertAll(arguments.Positional, EscapeText);
        // What replace looks for is not escaped, only what it puts there.
        if (name == "replace" && positional.Length > 0)
            positional[0] = arguments.Positional[0];
        return new Arguments(
            positional, Array.ConvertAll(arguments.Keywords, pair => KeyValuePair.Create(pair.Key, EscapeText(pair.Value))));
    }
}
