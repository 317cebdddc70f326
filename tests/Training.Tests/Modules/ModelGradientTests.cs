using TorchSharp;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Batching;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

/// <summary>Whole models: packed rows against each sequence alone, and the adapter's gradient against differences of the objective.</summary>
public class ModelGradientTests
{
    private static readonly TokenizedPair[] s_pairs =
    [
        new(1, [5, 9, 17, 23], [40, 41, 2], [40, 50, 51, 52, 2]), // completions begin alike
        new(2, [7], [60], [61, 62]),
        new(3, [8, 3, 11], [70, 71], [70, 71, 72]), // chosen is a prefix of rejected
    ];

    public static TheoryData<string> Families => [.. Golden.Families];

    /// <summary>Where a router's choice jumps, a difference is no derivative: mixtures are left to their block's test and TRL's runs.</summary>
    public static TheoryData<string> SmoothFamilies => [.. Golden.Families.Except(["mixtral", "qwen3_moe"])];

    [Theory]
    [MemberData(nameof(Families))]
    public void PackedLogProbs_AreThoseOfEachSequenceAlone(string family)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32);
        using LoraAdapter adapter = Adapter(model);
        using var packed = new PackedBatch([.. s_pairs.Select(PackedRow.Of)], CPU);
        using var tape = new Tape(records: false);

        float[] together = [.. LogProbs(model, adapter, packed, tape, gradient: false).LogProbs.data<float>()];

        var alone = new List<float>();
        foreach (TokenizedPair pair in s_pairs)
            foreach (int[] completion in new[] { pair.ChosenIds, pair.RejectedIds })
            {
                int[] ids = [.. pair.PromptIds, .. completion];
                Tensor at = tensor([.. ids.Select(i => (long)i)]);
                Tensor hidden = model.Norm(tape, model.Forward(tape, at, arange(ids.Length), new PackedAttention([new(0, ids.Length, 0, 0)]), adapter)).Value;
                Tensor logSoftmax = model.Head.Logits(hidden, adapter).log_softmax(1);
                alone.AddRange(completion.Select((token, k) => logSoftmax[pair.PromptIds.Length + k - 1, token].item<float>()));
            }
        Assert.Equal(alone.Count, together.Length);
        for (int i = 0; i < alone.Count; i++) Assert.Equal(alone[i], together[i], 2e-5);
    }

    [Theory]
    [MemberData(nameof(SmoothFamilies))]
    public void AdapterGradient_IsTheDifferenceOfTheObjective(string family) => AssertGradient(family, Adapter);

    [Theory]
    [MemberData(nameof(SmoothFamilies))]
    public void GradientOfAllThatCanBeTrained_IsTheDifferenceOfTheObjective(string family) => AssertGradient(family, model =>
    {
        var adapter = new LoraAdapter(
            new() { Rank = 2, Alpha = 4, TargetModules = ["all-linear"], ModulesToSave = [.. model.Adaptable.VocabularyMatrices.Select(m => m.Name)] }, model.Adaptable, trains: true);
        adapter.Initialize(1);
        adapter.Parameters.add_(PlainAutograd.Normal(1, adapter.Parameters.shape) * 0.02);
        return adapter;
    });

    private static void AssertGradient(string family, Func<CausalLanguageModel, LoraAdapter> make)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32);
        using LoraAdapter adapter = make(model);
        using var packed = new PackedBatch([.. s_pairs.Select(PackedRow.Of)], CPU);
        Tensor coefficients = PlainAutograd.Normal(3, packed.Targets.shape[0]);
        using (var tape = new Tape(records: true))
        {
            (Activation normed, Tensor? _, Tensor? direction) = LogProbs(model, adapter, packed, tape, gradient: true);
            tape.Backward(normed, model.Head.Backward(normed.Value, packed.Targets, direction!, coefficients, adapter));
        }
        Tensor start = adapter.Parameters.clone();

        for (int i = 0; i < 12; i++)
        {
            Tensor along = PlainAutograd.Normal(10 + i, start.shape);
            along.div_(along.norm());
            // A central difference: its error is the third derivative's, and rounding of float32 over the distance.
            const double Distance = 0.05;
            double difference = (Objective(Distance) - Objective(-Distance)) / (2 * Distance), gradient = (adapter.Gradients! * along).sum().ToDouble();
            Assert.Equal(difference, gradient, 2e-3);

            double Objective(double by)
            {
                adapter.Parameters.copy_(start + along * by);
                using var tape = new Tape(records: false);
                return (LogProbs(model, adapter, packed, tape, gradient: false).LogProbs.@double() * coefficients).sum().ToDouble();
            }
        }
    }

    private static LoraAdapter Adapter(CausalLanguageModel model)
    {
        var adapter = new LoraAdapter(new() { Rank = 2, Alpha = 4, TargetModules = ["all-linear"] }, model.Adaptable, trains: true);
        adapter.Parameters.copy_(PlainAutograd.Normal(1, adapter.Parameters.shape) * 0.1);
        return adapter;
    }

    private static (Activation Normed, Tensor LogProbs, Tensor? Direction) LogProbs(CausalLanguageModel model, LoraAdapter adapter, PackedBatch packed, Tape tape, bool gradient)
    {
        Activation normed = model.Norm(tape, model.Forward(tape, packed.Ids, packed.Positions, new PackedAttention(packed.Spans), adapter, packed.Rows));
        (TokenStatistics statistics, Tensor? direction) = model.Head.Forward(normed.Value, packed.Targets, gradient ? HeadOutputs.Gradient : HeadOutputs.LogProbs, adapter);
        return (normed, statistics.LogProbs, direction);
    }
}
