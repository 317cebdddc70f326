using System.Diagnostics;
using TorchSharp;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Models;
using TrainingService.Training.Native;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TrainingService.Benchmarks;

/// <summary>
/// DPO as it is usually written: every completion with its prompt as a padded row, the reference as a second pass without
/// adapter every step, the vocabulary projection over all positions.
/// </summary>
internal static class PaddedWay
{
    public static Measurement Measure(BenchmarkOptions options)
    {
        TorchRuntime.Initialize();
        TrainingRecipe recipe = PackedWay.Recipe(options);
        IReadOnlyList<TokenizedPair> pairs = RandomPairs.Of(options.Shapes, ModelConfig.Load(options.Model).Size("vocab_size"));
        using var model = new PaddedLlama(options.Model, recipe);
        using var optimizer = optim.AdamW(model.Parameters, recipe.LearningRate, weight_decay: 0);
        List<double> seconds = [], losses = [];
        double chosen = 0, rejected = 0;
        foreach (TokenizedPair[] batch in pairs.Chunk(options.Pairs))
        {
            long before = Stopwatch.GetTimestamp();
            NativeHeap.FreeScalars(); // as the packed way, so that memory is compared and not luck
            using DisposeScope scope = NewDisposeScope();
            (Tensor ids, Tensor mask) = Pad(batch);
            Tensor reference;
            using (no_grad()) reference = (model.LogProbs(ids, adapted: false) * mask).sum(1);
            Tensor policy = (model.LogProbs(ids, adapted: true) * mask).sum(1);
            Tensor ratio = (policy - reference).view(-1, 2);
            Tensor loss = -F.logsigmoid(recipe.Beta * (ratio.select(1, 0) - ratio.select(1, 1))).mean();
            optimizer.zero_grad();
            loss.backward();
            nn.utils.clip_grad_norm_(model.Parameters, recipe.MaxGradNorm);
            optimizer.step();
            losses.Add(loss.item<float>());
            if (seconds.Count == 0)
            {
                Tensor sums = policy.detach().view(-1, 2).mean([0]);
                (chosen, rejected) = (sums[0].item<float>(), sums[1].item<float>());
            }
            seconds.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
        }
        List<double> warm = seconds.Count > 1 ? seconds[1..] : seconds;
        double step = Measurement.Quantile(warm, 0.5);
        double tokens = pairs.Sum(p => 2.0 * p.PromptIds.Length + p.ChosenIds.Length + p.RejectedIds.Length) / options.Steps;
        return new("padded", warm, 0, options.Pairs / step, tokens / step, Measurement.PeakOfThisProcess(), losses, chosen, rejected);
    }

    /// <summary>Token ids (2 · pairs, longest), and 1 where the next token is one of the completion's, (2 · pairs, longest − 1).</summary>
    private static (Tensor Ids, Tensor Mask) Pad(TokenizedPair[] batch)
    {
        (int Prompt, int[] Ids)[] rows = [.. batch.SelectMany(p => new[] { (p.PromptIds.Length, (int[])[.. p.PromptIds, .. p.ChosenIds]), (p.PromptIds.Length, [.. p.PromptIds, .. p.RejectedIds]) })];
        int longest = rows.Max(r => r.Ids.Length);
        var ids = new long[rows.Length, longest];
        var mask = new float[rows.Length, longest - 1];
        for (int r = 0; r < rows.Length; r++)
            for (int t = 0; t < rows[r].Ids.Length; t++)
            {
                ids[r, t] = rows[r].Ids[t];
                if (t >= rows[r].Prompt) mask[r, t - 1] = 1;
            }
        return (tensor(ids), tensor(mask));
    }
}
