using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;
using static TrainingService.Domain.Tests.Recipes.Requests;

namespace TrainingService.Domain.Tests.Recipes;

/// <summary>A job's record holds the resolved recipe as text: reading it gives the recipe that was written, to the last bit.</summary>
public sealed class RecipeRoundTripTests
{
    private const int Recipes = 2000;

    [Fact]
    public void WrittenRecipe_ReadsBackTheSame()
    {
        var random = new Random(20260101);
        for (int i = 0; i < Recipes; i++)
        {
            TrainingRecipe recipe = RandomRecipe(random, Any<TrainingMethod>(random));
            JsonElement stored = JsonElement.Parse(RecipeJson.Write(recipe).ToJsonString());
            Assert.Equal(RecipeJson.Write(recipe).ToJsonString(), RecipeJson.Write(RecipeJson.ReadResolved(stored, recipe.Seed)).ToJsonString());
        }
    }

    [Fact]
    public void RecipeReadFromARequest_ReadsBackTheSame()
    {
        // The multiplier's edges: what a request may ask for, the job's record must be able to hold.
        foreach (string multiplier in new[] { "20000", "1e-300", "0.1", "3", "1.7976931348623157" })
        {
            TrainingRecipe recipe = Accept($$"""{"learning_rate_multiplier": {{multiplier}}}""");
            JsonElement stored = JsonElement.Parse(RecipeJson.Write(recipe).ToJsonString());
            Assert.Equal(recipe.LearningRate, RecipeJson.ReadResolved(stored, recipe.Seed).LearningRate);
        }
    }

    [Fact]
    public void ResolvedSettings_MayBeSentAgain()
    {
        // A client copies a job's settings into a new request; of the two learning rates it keeps one.
        TrainingRecipe recipe = Accept("""{"beta": 0.3, "learning_rate": 2e-5, "loss_type": ["sigmoid", "sft"], "loss_weights": [1, 0.5], "eval_strategy": "no"}""", """{"target_modules": "all-linear", "layers_to_transform": [0, 2]}""");
        JsonObject written = RecipeJson.Write(recipe);
        written["hyperparameters"]!.AsObject().Remove("learning_rate_multiplier");

        Assert.Equal(Members(recipe), Members(Accept(written["hyperparameters"]!.ToJsonString(), written["lora"]!.ToJsonString())));
    }

    private static TrainingRecipe RandomRecipe(Random random, TrainingMethod method)
    {
        LossType[] losses = random.GetItems(Enum.GetValues<LossType>(), random.Next(1, 4)).Distinct().ToArray();
        return new()
        {
            Method = method,
            KtoLossType = Any<KtoLossType>(random),
            DesirableWeight = random.NextDouble(),
            UndesirableWeight = 10 * random.NextDouble(),
            CpoLossType = Any<CpoLossType>(random),
            CpoAlpha = random.NextDouble(),
            SimpoGamma = random.NextDouble(),
            AssistantOnlyLoss = random.Next(2) == 0,
            NeftuneNoiseAlpha = Maybe(random, () => 1 - random.NextDouble()),
            Optimizer = Any<OptimizerType>(random),
            ScheduleArguments = new() { NumCycles = Maybe(random, () => 1 - random.NextDouble()), Power = Maybe(random, () => 1 - random.NextDouble()), LrEnd = Maybe(random, random.NextDouble), Timescale = Maybe(random, () => random.Next(1, int.MaxValue)) },
            ValidationSplit = Maybe(random, () => (1 - random.NextDouble()) / 2),
            SaveTotalLimit = Maybe(random, () => random.Next(1, 100)),
            LoadBestModelAtEnd = random.Next(2) == 0,
            MetricForBestModel = random.Next(2) == 0 ? "loss" : "rewards/margins",
            GreaterIsBetter = Maybe(random, () => random.Next(2) == 0),
            EarlyStoppingPatience = Maybe(random, () => random.Next(1, 10)),
            EarlyStoppingThreshold = random.NextDouble(),
            Beta = 2 * (1 - random.NextDouble()),
            BatchSize = random.Next(1, 257),
            Epochs = random.Next(1, 51),
            LearningRate = Math.Pow(10, -10 * random.NextDouble()),
            GradientAccumulationSteps = random.Next(1, 65537),
            MaxSteps = Maybe(random, () => random.Next(1, int.MaxValue)),
            MaxLength = Maybe(random, () => random.Next(2, 1 << 20)),
            MaxPromptLength = Maybe(random, () => random.Next(1, 1 << 20)),
            LossTypes = losses,
            LossWeights = random.Next(2) == 0 ? null : [.. losses.Select(_ => random.NextDouble())],
            LabelSmoothing = random.NextDouble() / 2,
            FDivergenceType = Any<FDivergenceType>(random),
            FAlphaDivergenceCoefficient = 10 * (1 - random.NextDouble()),
            UseWeighting = random.Next(2) == 0,
            LdAlpha = Maybe(random, random.NextDouble),
            DiscopopTau = 1 - random.NextDouble(),
            LearningRateSchedule = Any<LearningRateSchedule>(random),
            WarmupSteps = random.Next(2) == 0 ? random.NextDouble() : random.Next(1000),
            WeightDecay = random.NextDouble(),
            AdamBeta1 = random.NextDouble(),
            AdamBeta2 = random.NextDouble(),
            AdamEpsilon = Math.Pow(10, -12 * random.NextDouble()),
            MaxGradNorm = 10 * random.NextDouble(),
            LoggingSteps = random.Next(1, int.MaxValue),
            EvalStrategy = Maybe(random, () => Any<IntervalStrategy>(random)),
            EvalSteps = Maybe(random, () => random.Next(1, int.MaxValue)),
            SaveStrategy = Any<IntervalStrategy>(random),
            SaveSteps = random.Next(1, int.MaxValue),
            SamplingStrategy = Any<SamplingStrategy>(random),
            ComputeType = Any<ComputeType>(random),
            Reference = Any<ReferencePolicy>(random),
            Seed = random.Next(),
            Lora = LoraOf(random),
        };
    }

    private static LoraRecipe LoraOf(Random random)
    {
        bool byPattern = random.Next(3) == 0;
        LoraInitialization initialization = Any<LoraInitialization>(random);
        return new()
        {
            Rank = random.Next(1, 1025),
            Alpha = 64 * (1 - random.NextDouble()),
            Dropout = random.NextDouble(),
            TargetModules = byPattern ? [] : random.Next(3) == 0 ? ["all-linear"] : [.. random.GetItems(["q_proj", "v_proj", "o_proj", "été"], random.Next(1, 4))],
            TargetPattern = byPattern ? random.GetItems([@".*\.[0-3]\.self_attn\.[qv]_proj", "(?!x).*été"], 1)[0] : null,
            UseRsLora = random.Next(2) == 0,
            UseDora = random.Next(2) == 0,
            Initialization = initialization,
            PissaIterations = initialization == LoraInitialization.Pissa ? Maybe(random, () => random.Next(1, 101)) : null,
            ModulesToSave = random.Next(2) == 0 ? [] : ["lm_head", "embed_tokens"],
            LayersToTransform = random.Next(2) == 0 ? null : [.. Enumerable.Range(0, 32).Where(_ => random.Next(4) == 0).Append(32)],
            RankPattern = Enumerable.Range(0, random.Next(3)).ToDictionary(i => $"layers.{i}.q_proj", _ => random.Next(1, 1025)),
            AlphaPattern = Enumerable.Range(0, random.Next(3)).ToDictionary(i => $"layers.{i}.\"v\"", _ => 1 - random.NextDouble()),
        };
    }

    private static T? Maybe<T>(Random random, Func<T> make) where T : struct => random.Next(3) == 0 ? null : make();

    private static TEnum Any<TEnum>(Random random) where TEnum : struct, Enum => random.GetItems(Enum.GetValues<TEnum>(), 1)[0];
}
