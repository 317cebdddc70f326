using System.Diagnostics;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Benchmarks;

/// <summary>
/// What the matrix products with weights alone would take at the rate this machine multiplies them: with P + C + R tokens a
/// pair and E epochs (4 + 2/E) · (body parameters · tokens + head parameters · (C + R − 1)). Attention's products are left
/// out, as are norms, gates and the softmax over the vocabulary.
/// </summary>
/// <param name="TeraflopsPerSecond">The rate over the model's shapes, weighted by their share.</param>
/// <param name="PairsPerSecond">What it would allow.</param>
internal sealed record ArithmeticFloor(double TeraflopsPerSecond, double PairsPerSecond)
{
    private const int HeadRows = 128;
    private const int Repetitions = 3;

    public static ArithmeticFloor Measure(BenchmarkOptions options)
    {
        using var _ = no_grad();
        using CausalLanguageModel model = CausalLanguageModel.Load(options.Model, options.Dtype);
        IReadOnlyList<PairShape> shapes = options.Shapes;
        double tokens = shapes.Average(s => s.Prompt + s.Chosen + s.Rejected), predictions = shapes.Average(s => s.Chosen + s.Rejected - 1);
        double body = model.Adaptable.LinearLayers.Sum(l => (double)l.In * l.Out), head = (double)model.VocabularySize * model.Adaptable.LinearLayers[0].In;
        double flops = (4 + 2.0 / options.Epochs) * (body * tokens + head * predictions);

        double rowsAPack = Math.Min(options.Pairs * tokens, options.PackTokens ?? 2048);
        double bodySeconds = Products(model.Adaptable.LinearLayers).GroupBy(p => p).Sum(g => g.Count() * Seconds(model.Dtype, (long)rowsAPack, g.Key.In, g.Key.Out));
        double headSeconds = Seconds(model.Dtype, HeadRows, model.Adaptable.LinearLayers[0].In, model.VocabularySize);
        double seconds = (2 + 1.0 / options.Epochs) * (bodySeconds * tokens / (long)rowsAPack + headSeconds * predictions / HeadRows);
        return new(flops / seconds / 1e12, 1 / seconds);
    }

    /// <summary>The matrix products of the body: layers that share their input are one.</summary>
    private static List<(int In, int Out)> Products(IReadOnlyList<LinearLayer> layers)
    {
        List<(int In, int Out)> products = [];
        foreach (LinearLayer layer in layers)
            if (layer.Start == 0) products.Add((layer.In, layer.Out));
            else products[^1] = (layer.In, layer.Start + layer.Out);
        return products;
    }

    /// <summary>Mean of the best times of x Wᵀ and of y W.</summary>
    private static double Seconds(ScalarType dtype, long rows, int input, int output)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = rand([output, input], dtype), x = rand([rows, input], dtype), y = rand([rows, output], dtype);
        return (Best(() => nn.functional.linear(x, weight)) + Best(() => y.mm(weight))) / 2;
    }

    private static double Best(Func<Tensor> product)
    {
        double best = double.MaxValue;
        for (int i = 0; i <= Repetitions; i++)
        {
            long before = Stopwatch.GetTimestamp();
            product().Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(before).TotalSeconds);
        }
        return best;
    }
}
