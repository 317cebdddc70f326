using System.Collections.Frozen;
using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Library;

/// <summary>What <c>|</c> does to a value.</summary>
internal delegate object? Filter(RenderContext context, object? value, Arguments arguments);

/// <summary>All filters: Jinja2's, and tojson as transformers replaces it.</summary>
internal static class Filters
{
    private static readonly FrozenDictionary<string, Filter> Table = new[]
    {
        TextFilters.All,
        NumberFilters.All,
        SequenceFilters.All,
        SelectionFilters.All,
    }.SelectMany(filters => filters).ToFrozenDictionary();

    public static Filter? Find(string name) => Table.GetValueOrDefault(name);

    /// <summary>A filter with named parameters, by its name.</summary>
    public static KeyValuePair<string, Filter> Define(
        string name, string[] parameters, Func<RenderContext, object?, BoundArguments, object?> body)
    {
        var operation = new Operation<object?>(name, parameters, body);
        return new(name, operation.Apply);
    }
}
