using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Generation;

/// <summary>Draws tokens of one sequence; a seed gives the same tokens again.</summary>
internal sealed class TokenSampler(SamplingOptions options)
{
    private readonly Random _random = new(options.Seed);

    /// <summary>Draws from logits, (vocabulary,).</summary>
    public GeneratedToken Draw(Tensor logits)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logProbs = logits.log_softmax(0, ScalarType.Float32).cpu();
        int id = options.Temperature == 0 ? (int)logProbs.argmax().item<long>() : Sample(logProbs);
        return new(new(id, logProbs[id].item<float>()), Top(logProbs));
    }

    private int Sample(Tensor logProbs)
    {
        (Tensor sorted, Tensor order) = (logProbs / options.Temperature).softmax(0).sort(0, descending: true);
        float[] probabilities = [.. sorted.data<float>()];
        double kept = 0;
        int count = 0;
        while (count < probabilities.Length && (count == 0 || kept < options.TopP)) kept += probabilities[count++];
        double target = _random.NextDouble() * kept;
        int chosen = 0;
        while (chosen < count - 1 && (target -= probabilities[chosen]) >= 0) chosen++;
        return (int)order[chosen].item<long>();
    }

    private TokenLogProb[] Top(Tensor logProbs)
    {
        if (options.TopLogProbs == 0) return [];
        (Tensor values, Tensor indexes) = logProbs.topk(options.TopLogProbs);
        return [.. indexes.data<long>().ToArray().Zip(values.data<float>().ToArray(), (id, value) => new TokenLogProb((int)id, value))];
    }
}
