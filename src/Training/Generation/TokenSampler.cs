using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Generation;

/// <summary>Draws tokens of one sequence; a seed gives the same tokens again.</summary>
internal sealed class TokenSampler(SamplingOptions options)
{
    private readonly Random _random = new(options.Seed);

    /// <summary>Draws from log-probabilities, (vocabulary,) in the processor's memory.</summary>
    public GeneratedToken Draw(Tensor logProbs)
    {
        using DisposeScope scope = NewDisposeScope();
        int id = options.Temperature == 0 ? (int)logProbs.argmax().item<long>() : Sample(logProbs);
        return new(new(id, logProbs[id].item<float>()), Top(logProbs, options.TopLogProbs));
    }

    /// <summary>The most probable tokens, most probable first.</summary>
    public static IReadOnlyList<TokenLogProb> Top(Tensor logProbs, int count)
    {
        if (count == 0) return [];
        using DisposeScope scope = NewDisposeScope();
        (Tensor values, Tensor indexes) = logProbs.topk((int)Math.Min(count, logProbs.shape[0]));
        return [.. indexes.data<long>().ToArray().Zip(values.data<float>().ToArray(), (id, value) => new TokenLogProb((int)id, value))];
    }

    private int Sample(Tensor logProbs)
    {
        Tensor all = (logProbs / options.Temperature).softmax(0);
        // Only the nucleus needs an order, and sorting a vocabulary costs more than the rest of the draw.
        if (options.TopP >= 1) return Pick(all.data<float>().ToArray());
        (Tensor sorted, Tensor order) = all.sort(0, descending: true);
        float[] probabilities = sorted.data<float>().ToArray();
        double kept = 0;
        int count = 0;
        while (count < probabilities.Length && (count == 0 || kept < options.TopP)) kept += probabilities[count++];
        return (int)order[Pick(probabilities.AsSpan(0, count))].item<long>();
    }

    private int Pick(ReadOnlySpan<float> probabilities)
    {
        double sum = 0;
        foreach (float probability in probabilities) sum += probability;
        double target = _random.NextDouble() * sum;
        int chosen = 0;
        while (chosen < probabilities.Length - 1 && (target -= probabilities[chosen]) >= 0) chosen++;
        return chosen;
    }
}
