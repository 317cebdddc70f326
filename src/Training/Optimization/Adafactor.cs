using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Optimization;

/// <summary>
/// Adafactor (Shazeer and Stern, 2018, arXiv 1804.04235) as transformers runs it, with the schedule's learning rate and no
/// first moment: squared gradients of a matrix are kept as means of its rows and columns alone.
/// </summary>
internal sealed class Adafactor : IOptimizer
{
    // transformers' constants, which its TrainingArguments leave alone.
    private const double Epsilon = 1e-30;
    private const double ClipThreshold = 1.0;
    private const double DecayRate = -0.8;

    private readonly double _weightDecay;
    private readonly (TrainedWeight Weight, Tensor Rows, Tensor? Columns)[] _moments;
    private long _steps;

    /// <param name="weights">The trained matrices and vectors.</param>
    /// <param name="weightDecay">Share of the weights that a step takes away, times its learning rate.</param>
    public Adafactor(IEnumerable<TrainedWeight> weights, double weightDecay)
    {
        _weightDecay = weightDecay;
        _moments = [.. weights.Select(w => w.Value.shape is [var rows, var columns]
            ? (w, Zeros(w, rows), Zeros(w, columns))
            : (w, Zeros(w, w.Value.numel()), (Tensor?)null))];

        static Tensor Zeros(TrainedWeight weight, long length) => zeros([length], ScalarType.Float32, weight.Value.device).DetachFromDisposeScope();
    }

    public IEnumerable<KeyValuePair<string, Tensor>> State => _moments.SelectMany((m, i) => Named(m.Rows, m.Columns, i));

    public void Step(double learningRate)
    {
        using IDisposable noGradient = no_grad();
        _steps++;
        double decay = 1 - Math.Pow(_steps, DecayRate);
        foreach ((TrainedWeight weight, Tensor rows, Tensor? columns) in _moments)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor squares = weight.Gradient.square().add_(Epsilon), update;
            if (columns is null)
            {
                rows.mul_(decay).add_(squares.view(-1), 1 - decay);
                update = rows.rsqrt().view(weight.Value.shape).mul_(weight.Gradient);
            }
            else
            {
                rows.mul_(decay).add_(squares.mean([-1]), 1 - decay);
                columns.mul_(decay).add_(squares.mean([-2]), 1 - decay);
                update = (rows / rows.mean()).rsqrt_().unsqueeze(1).mul(columns.rsqrt().unsqueeze(0)).mul_(weight.Gradient);
            }
            double rootMeanSquare = update.norm().item<float>() / Math.Sqrt(update.numel());
            update.mul_(learningRate / Math.Max(1, rootMeanSquare / ClipThreshold));
            if (_weightDecay != 0) weight.Value.mul_(1 - learningRate * _weightDecay);
            weight.Value.sub_(update);
        }
    }

    public void Restore(Func<string, Tensor> read, long steps)
    {
        _steps = steps;
        foreach ((string name, Tensor moment) in State) moment.copy_(read(name));
    }

    public void Dispose()
    {
        foreach ((_, Tensor rows, Tensor? columns) in _moments)
        {
            rows.Dispose();
            columns?.Dispose();
        }
    }

    private static IEnumerable<KeyValuePair<string, Tensor>> Named(Tensor rows, Tensor? columns, int index)
    {
        yield return new($"exp_avg_sq_row.{index}", rows);
        if (columns is not null) yield return new($"exp_avg_sq_col.{index}", columns);
    }
}
