using TrainingService.Datasets.Formats;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Preparation;

/// <summary>Which rows a method of training learns from, and what it makes of them.</summary>
public static class MethodRows
{
    // TRL unpairs a thousand pairs at a time, first all that was chosen: neighbours then have different prompts, which the
    // mismatched completions of KTO's divergence are made of.
    private const int UnpairedTogether = 1000;

    private const string Undesirable = "Its label is false, and supervised training imitates desirable completions only.";

    /// <summary>Whether a method can learn from rows of a kind.</summary>
    public static bool Accepts(TrainingMethod method, RowKind kind) => method switch
    {
        TrainingMethod.Supervised => true,
        TrainingMethod.Kto => kind is RowKind.Labelled or RowKind.Preference,
        _ => kind == RowKind.Preference,
    };

    /// <summary>Why a method cannot learn from rows of a shape, and what it needs, as a sentence; null when it can.</summary>
    public static string? Problem(TrainingMethod method, RowShape shape)
    {
        if (Accepts(method, shape.Kind)) return null;
        string has = shape.Kind == RowKind.Labelled ? "labelled completions, which train with the method kto (or supervised)" : "single completions, which train with the method supervised";
        string needs = method == TrainingMethod.Kto ? "rows with a label, or pairs" : "pairs of a chosen and a rejected completion";
        return $"Its rows are in {shape.Description}: {has}. The method {WireNames.Of(method)} needs {needs}.";
    }

    /// <summary>The rows as the method takes them; those that it cannot use are left out with a reason.</summary>
    internal static IEnumerable<TrainingRow> Of(TrainingMethod method, IEnumerable<TrainingRow> rows) => method switch
    {
        TrainingMethod.Supervised => rows.Select(Imitated),
        TrainingMethod.Kto => rows.Chunk(UnpairedTogether).SelectMany(Unpaired),
        _ => rows,
    };

    private static TrainingRow Imitated(TrainingRow row) => row switch
    {
        { Kind: RowKind.Labelled, Label: false } and not LeftOutRow => new LeftOutRow(row.Row, row.Kind, Undesirable),
        _ => row.With(RowKind.Supervised, 0),
    };

    private static IEnumerable<TrainingRow> Unpaired(TrainingRow[] rows) =>
        rows.Select(row => row.Kind == RowKind.Preference ? row.With(RowKind.Labelled, 0) with { Label = true } : row)
            .Concat(rows.Where(row => row.Kind == RowKind.Preference && row is not LeftOutRow).Select(row => row.With(RowKind.Labelled, 1)));
}
