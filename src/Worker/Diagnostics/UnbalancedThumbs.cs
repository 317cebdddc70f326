using TrainingService.Domain.Recipes;
using static TrainingService.Worker.Diagnostics.Finding;

namespace TrainingService.Worker.Diagnostics;

/// <summary>
/// More thumbs of one kind than the weights make up for. KTO's paper (arXiv 2402.01306, section 4.2) wants
/// desirable_weight · up : undesirable_weight · down between 1 : 1 and 4 : 3; the bounds and their rounding are those of TRL's warning.
/// </summary>
internal static class UnbalancedThumbs
{
    private const double MostDesirable = 1.33;

    public static Finding? Look(RunHistory run)
    {
        TrainingRecipe recipe = run.Recipe;
        (int up, int down) = (run.Rows.ThumbsUp, run.Rows.ThumbsDown);
        if (recipe.Method != TrainingMethod.Kto || up == down || up == 0 || down == 0) return null;
        double even = down * recipe.UndesirableWeight / up, evenDown = up * recipe.DesirableWeight / down;
        (double from, double to) = (Math.Round(even, 2), Math.Round(even * MostDesirable, 2));
        (double fromDown, double toDown) = (Math.Round(evenDown / MostDesirable, 2), Math.Round(evenDown, 2));
        if ((recipe.DesirableWeight >= from && recipe.DesirableWeight <= to) || (recipe.UndesirableWeight >= fromDown && recipe.UndesirableWeight <= toDown)) return null;
        return new("unbalanced_thumbs",
            $"{up} rows have a thumb up and {down} a thumb down, with desirable_weight {Shown(recipe.DesirableWeight)} and undesirable_weight {Shown(recipe.UndesirableWeight)}.",
            $"The {(up * recipe.DesirableWeight > down * recipe.UndesirableWeight ? "thumbs up" : "thumbs down")} outweigh the others, and the model learns mostly from them.",
            $"Set desirable_weight between {Shown(from)} and {Shown(to)}, or undesirable_weight between {Shown(fromDown)} and {Shown(toDown)}.")
        {
            Numbers = new Dictionary<string, double>
            {
                ["thumbs_up"] = up, ["thumbs_down"] = down, ["desirable_weight_from"] = from, ["desirable_weight_to"] = to,
                ["undesirable_weight_from"] = fromDown, ["undesirable_weight_to"] = toDown,
            },
        };
    }
}
