using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Generation;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Generation;

public class GenerationTests
{
    public static TheoryData<string> Families => [.. Golden.Families];

    [Theory, MemberData(nameof(Families))]
    public void GreedyContinuation_IsTransformers(string family)
    {
        using GenerationModel model = Load(family);
        (int[][] prompts, int[][] continuations) = Greedy(family);
        for (int i = 0; i < prompts.Length; i++)
        {
            using GenerationSequence sequence = model.Begin(prompts[i], new() { Temperature = 0 });
            while (sequence.Generated.Count < continuations[i].Length) model.Advance([sequence]);
            Assert.Equal(continuations[i], sequence.Generated.Select(g => g.Token.Id));
        }
    }

    [Theory, MemberData(nameof(Families))]
    public void SequencesDecodedTogether_AreThoseDecodedAlone(string family)
    {
        using GenerationModel model = Load(family);
        (int[][] prompts, _) = Greedy(family);
        int[][] all = [prompts[0], prompts[0][..3], [7, 11, 13, 5, 3]];
        int[][] alone = [.. all.Select(p => Continue([p])[0])];

        Assert.Equal(alone, Continue(all));

        int[][] Continue(int[][] some)
        {
            GenerationSequence[] sequences = [.. some.Select((p, i) => model.Begin(p, new() { Temperature = 0.7, TopP = 0.9, Seed = p.Length }))];
            for (int n = 0; n < 12; n++) model.Advance(sequences);
            foreach (GenerationSequence sequence in sequences) sequence.Dispose();
            return [.. sequences.Select(s => s.Generated.Select(g => g.Token.Id).ToArray())];
        }
    }

    [Fact]
    public void Score_EqualsTheLogProbsOfGeneration()
    {
        using GenerationModel model = Load("llama");
        using GenerationSequence sequence = model.Begin([3, 17, 29], new() { Temperature = 0.8, Seed = 4, TopLogProbs = 3 });
        for (int n = 0; n < 10; n++) model.Advance([sequence]);

        IReadOnlyList<float> scores = model.Score([.. sequence.Prompt, .. sequence.Generated.Select(g => g.Token.Id)]);

        Assert.Equal(12, scores.Count);
        Assert.All(sequence.Generated.Zip(scores.Skip(2)), p => Assert.Equal(p.First.Token.LogProb, p.Second, 1e-4f));
        Assert.All(sequence.Generated, g => Assert.True(g.Top.Count == 3 && g.Top[0].LogProb >= g.Token.LogProb));
    }

    [Fact]
    public void UnknownToken_IsRefused()
    {
        using GenerationModel model = Load("llama");
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Begin([model.VocabularySize], new()));
    }

    private static GenerationModel Load(string family) => GenerationModel.Load(Golden.Path("families", family), null, ComputeType.Float32);

    private static (int[][] Prompts, int[][] Continuations) Greedy(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsReader reference = Golden.Tensors("families", family, "reference.safetensors");
        return (Rows(reference.Read("greedy_prompt")), Rows(reference.Read("greedy_continuation")));
    }

    private static int[][] Rows(Tensor ids)
    {
        Tensor rows = ids.dim() == 1 ? ids.unsqueeze(0) : ids;
        return [.. Enumerable.Range(0, (int)rows.shape[0]).Select(i => rows[i].to_type(ScalarType.Int64).data<long>().Select(t => (int)t).ToArray())];
    }
}
