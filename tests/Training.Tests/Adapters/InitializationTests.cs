using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Batching;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Tests.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Adapters;

public class InitializationTests(ITestOutputHelper output)
{
    private static readonly int[] s_text = [3, 5, 8, 13, 21, 34, 55, 89];

    public static TheoryData<string, bool, int?> Starts => new()
    {
        { "llama", false, null },
        { "gpt2", false, null }, // stored transposed
        { "phi3", true, null }, // DoRA, fused projections
        { "qwen3", false, 8 },
    };

    [Theory]
    [MemberData(nameof(Starts))]
    public void Pissa_StartsAsTheBase_AndIsSavedAsAnAdapterOfTheBase(string family, bool dora, int? iterations)
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        using var folder = new TemporaryFolder();
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32, CPU);
        // A square root beside a pattern is what PEFT's own conversion cannot do.
        LoraRecipe recipe = new()
        {
            Rank = 4,
            Alpha = 6,
            TargetModules = ["all-linear"],
            UseDora = dora,
            UseRsLora = true,
            AlphaPattern = new Dictionary<string, double> { ["o_proj"] = 3 },
            RankPattern = new Dictionary<string, int> { ["down_proj"] = 2 },
            Initialization = LoraInitialization.Pissa,
            PissaIterations = iterations,
        };
        using var adapter = new LoraAdapter(recipe, model.Adaptable, trains: true);
        adapter.Initialize(1);

        double start = Golden.Difference(LogProbs(model, null), LogProbs(model, adapter));
        adapter.Parameters.add_(PlainAutograd.Normal(2, adapter.Parameters.shape) * 0.05);
        Tensor trained = LogProbs(model, adapter);
        PeftFiles.Write(adapter, folder.Path, "base");
        using LoraAdapter saved = PeftFiles.Load(folder.Path, model.Adaptable);
        double reread = Golden.Difference(trained, LogProbs(model, saved));

        output.WriteLine($"{family}: at the start {start:g3} from the base, saved and read {reread:g3}; trained {Golden.Difference(trained, LogProbs(model, null)):g3}");
        Assert.InRange(start, 0, 1e-5);
        Assert.InRange(reread, 0, 1e-5);
        Assert.InRange(Golden.Difference(trained, LogProbs(model, null)), 1e-2, double.MaxValue);
        Assert.All(saved.Layers, l => Assert.Equal(2 * recipe.RankOf(l.Layer.Path), l.Rank));
        Assert.Equal(LoraInitialization.Uniform, saved.Recipe.Initialization);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(16)]
    public void Pissa_TakesTheLargestSingularValues(int? iterations)
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        Tensor weight = PlainAutograd.Normal(1, 12, 9);
        using LoraAdapter adapter = Start(weight, seed: 1, iterations);
        LoraLayer layer = adapter.Layers.Single();

        (Tensor u, Tensor s, Tensor vt) = linalg.svd(weight, fullMatrices: false);
        Tensor best = (u.narrow(1, 0, 3) * s.narrow(0, 0, 3)).mm(vt.narrow(0, 0, 3));
        PlainAutograd.AssertNear(best, layer.B.mm(layer.A) * layer.Scaling, "the principal components", iterations is null ? 1e-5 : 1e-3);
        // Half of each singular value lies on either side.
        PlainAutograd.AssertNear(layer.A.mm(layer.A.t()), layer.B.t().mm(layer.B), "the halves");
        Assert.Equal(0, Golden.Difference(adapter.Parameters, adapter.Start!));
    }

    [Fact]
    public void Start_IsOneOfItsSeed()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        Tensor weight = PlainAutograd.Normal(1, 12, 9);
        using LoraAdapter first = Start(weight, 1, 2), second = Start(weight, 1, 2), other = Start(weight, 2, 2);
        Assert.Equal(0, Golden.Difference(first.Parameters, second.Parameters));
        Assert.NotEqual(0, Golden.Difference(first.Parameters, other.Parameters));
    }

    [Fact]
    public void Gaussian_HasDeviationOneOverRank_AndChangesNothing()
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        var weight = new DenseWeight(zeros(10, 4000));
        using var adapter = new LoraAdapter(new() { Rank = 5, TargetModules = ["q_proj"], Initialization = LoraInitialization.Gaussian }, new([new("q_proj", weight, 0, 10, 4000)], [], CPU), trains: false);
        adapter.Initialize(1);
        Assert.Equal(0.2, adapter.Layers.Single().A.std().ToDouble(), 0.005);
        Assert.Equal(0, adapter.Layers.Single().B.abs().max().ToDouble());
    }

    [Fact]
    public void MoreComponentsThanTheWeightHas_AreRefused()
    {
        using Tensor weight = PlainAutograd.Normal(1, 2, 9);
        Assert.Contains("2 principal components", Assert.Throws<ModelFormatException>(() => Start(weight, 1, null)).Message, StringComparison.Ordinal);
    }

    private static LoraAdapter Start(Tensor weight, int seed, int? iterations)
    {
        var adapter = new LoraAdapter(
            new() { Rank = 3, Alpha = 6, TargetModules = ["q_proj"], Initialization = LoraInitialization.Pissa, PissaIterations = iterations },
            new([new("q_proj", new DenseWeight(weight), 0, (int)weight.shape[0], (int)weight.shape[1])], [], CPU), trains: true);
        adapter.Initialize(seed);
        return adapter;
    }

    private static Tensor LogProbs(CausalLanguageModel model, LoraAdapter? adapter)
    {
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: false);
        Tensor ids = tensor([.. s_text.Select(i => (long)i)]);
        Tensor normed = model.Norm(tape, model.Forward(tape, ids, arange(s_text.Length), new PackedAttention([new PairSpan(0, s_text.Length, 0, 0)]), adapter)).Value;
        return model.Head.Logits(normed, adapter).log_softmax(1).MoveToOuterDisposeScope();
    }
}
