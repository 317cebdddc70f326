using TorchSharp;
using TrainingService.Domain.Metrics;
using TrainingService.Training.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>Rows that are passed through the model together.</summary>
/// <param name="Split">Whose rows they are.</param>
/// <param name="Rows">Their indices.</param>
/// <param name="GradientScale">What the loss is multiplied by before its gradient is added; null wants no gradient.</param>
/// <param name="BeforeFirstStep">Whether nothing has been trained yet.</param>
internal readonly record struct MicroBatch(MetricSplit Split, int[] Rows, double? GradientScale, bool BeforeFirstStep = false);

/// <summary>What a micro-batch measured.</summary>
/// <param name="Values">Its means, the loss among them; a metric that it has no rows for is absent.</param>
/// <param name="Tokens">Input tokens that it read.</param>
internal sealed record BatchMetrics(IReadOnlyDictionary<string, double> Values, long Tokens);

/// <summary>What a method of training makes of its rows: passes, loss and metrics. The loop over steps is the trainer's.</summary>
internal interface IObjective
{
    /// <summary>Share of a micro-batch's loss in that of its optimiser step.</summary>
    /// <param name="batch">The micro-batch's rows.</param>
    /// <param name="window">Those of all micro-batches of the step.</param>
    double ShareOf(int[] batch, IReadOnlyList<int[]> window);

    /// <summary>Forward over a micro-batch in packs, and backward when a gradient is wanted.</summary>
    /// <param name="batch">The micro-batch.</param>
    /// <param name="obey">Called before each pack; throws when the run is to be left.</param>
    BatchMetrics Pass(MicroBatch batch, Action obey);

    /// <summary>Called when all rows of a split have been passed.</summary>
    void EndOf(MetricSplit split);

    /// <summary>What a resumed run needs, by name.</summary>
    IEnumerable<KeyValuePair<string, Tensor>> State { get; }

    /// <summary>Takes over what <see cref="State"/> gave.</summary>
    void Restore(SafetensorsReader state);
}
