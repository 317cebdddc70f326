using System.Globalization;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>The <c>attribute</c> argument of filters: <c>"function.name"</c>, <c>"0"</c>, an index, or none.</summary>
internal sealed class AttributePath
{
    private readonly object?[] _parts;

    public AttributePath(object? attribute) => _parts = attribute switch
    {
        null => [],
        string text => Array.ConvertAll(text.Split('.'), part =>
            part.Length is > 0 and < 19 && part.All(char.IsAsciiDigit) ? long.Parse(part, CultureInfo.InvariantCulture) : (object?)part),
        _ => [attribute],
    };

    /// <summary>Paths of a sort by several attributes: <c>"role,name"</c>.</summary>
    public static AttributePath[] Several(object? attribute) => attribute is string text
        ? Array.ConvertAll(text.Split(','), part => new AttributePath(part))
        : [new AttributePath(attribute)];

    public object? Of(RenderContext context, object? item, object? fallback = null)
    {
        foreach (object? part in _parts)
        {
            context.Charge();
            item = Attributes.GetItem(context, item, part);
            if (item is Undefined && fallback is not null)
                item = fallback;
        }

        return item;
    }
}
