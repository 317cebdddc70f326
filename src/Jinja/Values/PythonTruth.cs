using System.Numerics;
using TrainingService.Jinja.Runtime;

namespace TrainingService.Jinja.Values;

/// <summary>Python's bool(): nothing, zero and what is empty are false.</summary>
internal static class PythonTruth
{
    public static bool Of(object? value) => Markup.Plain(value) switch
    {
        bool truth => truth,
        null or Undefined => false,
        string text => text.Length > 0,
        long integer => integer != 0,
        int integer => integer != 0,
        double number => number != 0,
        BigInteger integer => !integer.IsZero,
        IReadOnlyList<object?> list => list.Count > 0,
        DictView view => view.Items.Count > 0,
        LoopState loop => loop.Length > 0,
        _ => !Mapping.Is(value) || Mapping.Count(value) > 0,
    };
}
