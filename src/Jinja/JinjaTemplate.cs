using TrainingService.Jinja.Parsing;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Syntax;

namespace TrainingService.Jinja;

/// <summary>
/// A parsed Hugging Face chat template: Jinja2 in the environment that transformers gives it
/// (trim_blocks, lstrip_blocks, an immutable sandbox, break and continue, <c>{% generation %}</c>),
/// printing values as Python does. Parse once; rendering from several threads is safe.
/// </summary>
public sealed class JinjaTemplate
{
    private readonly Block _body;

    private JinjaTemplate(Block body) => _body = body;

    /// <summary>Parses the template's text.</summary>
    /// <exception cref="JinjaSyntaxException">The text is not a template; the message starts with the line number.</exception>
    public static JinjaTemplate Parse(string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new JinjaTemplate(new Parser(source).ParseTemplate());
    }

    /// <summary>
    /// Renders the template. Values are null, bool, int, long, double, string,
    /// <see cref="IReadOnlyList{T}"/> and <see cref="IReadOnlyDictionary{TKey,TValue}"/> of these (see <see cref="JinjaValues"/>).
    /// </summary>
    /// <exception cref="JinjaRenderException">The template raised an error, or reached a limit.</exception>
    public string Render(
        IReadOnlyDictionary<string, object?> variables,
        JinjaLimits? limits = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(variables);
        var context = new RenderContext(variables, limits ?? new JinjaLimits(), timeProvider ?? TimeProvider.System);
        try
        {
            _body.Execute(context, new Scope(parent: null));
            return context.Output.ToString();
        }
        catch (JinjaRenderException exception)
        {
            exception.Line = context.Line;
            throw;
        }
    }
}
