using TrainingService.Domain.Metrics;

namespace TrainingService.Worker.Diagnostics;

/// <summary>Looks at a run so far; speaks when its symptom shows. A pure function of the history, so that a run that is taken over finds the same.</summary>
internal delegate Finding? Symptom(RunHistory run);

/// <summary>Tells what ails a run, each symptom once.</summary>
internal sealed class Diagnosis(RunHistory run)
{
    private static readonly Symptom[] s_symptoms =
    [
        LengthBias.Look, UnbalancedThumbs.Look, NothingTrains.Look, RateTooHigh.Look, FallingChosen.Look, AccuracyAtChance.Look,
        Overconfidence.Look, Overfitting.Look, DivergenceEstimate.Look, LossNotFalling.Look, EntropyCollapse.Look,
    ];

    private readonly HashSet<Symptom> _told = [];

    /// <summary>What the rows alone show, before the first step.</summary>
    public IReadOnlyList<Finding> Begin() => Look();

    /// <summary>What shows now that did not before.</summary>
    public IReadOnlyList<Finding> Add(StepMetrics metrics)
    {
        run.Add(metrics);
        return Look();
    }

    private List<Finding> Look()
    {
        var found = new List<Finding>();
        foreach (Symptom symptom in s_symptoms)
            if (!_told.Contains(symptom) && symptom(run) is { } finding)
            {
                _told.Add(symptom);
                found.Add(finding);
            }
        return found;
    }
}
