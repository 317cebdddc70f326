namespace TrainingService.Domain.Recipes;

/// <summary>
/// Everything that decides a direct-preference-optimisation run (Rafailov et al., 2023, arXiv 2305.18290) besides
/// model and data, with the recipe's defaults. Names on the wire are TRL's and PEFT's: see <see cref="RecipeFields"/>.
/// </summary>
public sealed record TrainingRecipe
{
    /// <summary>Strength of the pull towards the reference, (0, 2].</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>Pairs a micro-batch (TRL's per_device_train_batch_size).</summary>
    public int BatchSize { get; init; } = 2;

    /// <summary>Passes over the training pairs.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>Peak learning rate.</summary>
    public double LearningRate { get; init; } = DefaultLearningRate;

    /// <summary>Micro-batches an optimiser step.</summary>
    public int GradientAccumulationSteps { get; init; } = 1;

    /// <summary>Optimiser steps in all; overrides <see cref="Epochs"/> when set.</summary>
    public int? MaxSteps { get; init; }

    /// <summary>Most tokens of prompt and completion together; null sets no limit.</summary>
    public int? MaxLength { get; init; } = 1024;

    /// <summary>Most tokens of a prompt, which keeps its end; null sets no limit.</summary>
    public int? MaxPromptLength { get; init; } = 512;

    /// <summary>The losses, summed with <see cref="LossWeights"/>.</summary>
    public IReadOnlyList<LossType> LossTypes { get; init; } = [LossType.Sigmoid];

    /// <summary>One weight a loss; null weighs each by 1.</summary>
    public IReadOnlyList<double>? LossWeights { get; init; }

    /// <summary>Assumed share of flipped labels, [0, 0.5).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Divergence that turns log-ratios into scores.</summary>
    public FDivergenceType FDivergenceType { get; init; } = FDivergenceType.ReverseKl;

    /// <summary>α of the alpha divergence.</summary>
    public double FAlphaDivergenceCoefficient { get; init; } = 0.5;

    /// <summary>Weigh pairs by the policy's own probability of them (WPO, arXiv 2406.11827).</summary>
    public bool UseWeighting { get; init; }

    /// <summary>Weight of the tokens beyond the shorter completion (LD-DPO, arXiv 2409.06411); null is off.</summary>
    public double? LdAlpha { get; init; }

    /// <summary>Temperature of the DiscoPOP loss.</summary>
    public double DiscopopTau { get; init; } = 0.05;

    /// <summary>Shape of the learning rate over the steps.</summary>
    public LearningRateSchedule LearningRateSchedule { get; init; } = LearningRateSchedule.Linear;

    /// <summary>Steps of linear warm-up; below 1 a share of all steps.</summary>
    public double WarmupSteps { get; init; }

    /// <summary>AdamW's decoupled weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>AdamW's decay of the gradient's mean.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the squared gradient's mean.</summary>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Gradients are scaled down to this global norm; 0 never clips.</summary>
    public double MaxGradNorm { get; init; } = 1.0;

    /// <summary>Optimiser steps a log.</summary>
    public int LoggingSteps { get; init; } = 10;

    /// <summary>When the validation file is evaluated; null resolves to each epoch when there is such a file.</summary>
    public IntervalStrategy? EvalStrategy { get; init; }

    /// <summary>Steps between evaluations with the steps strategy; null takes <see cref="LoggingSteps"/>.</summary>
    public int? EvalSteps { get; init; }

    /// <summary>When a checkpoint is kept.</summary>
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Epoch;

    /// <summary>Steps between checkpoints with the steps strategy.</summary>
    public int SaveSteps { get; init; } = 500;

    /// <summary>Order in which the pairs are taken.</summary>
    public SamplingStrategy SamplingStrategy { get; init; } = SamplingStrategy.Random;

    /// <summary>Type of the frozen weights and of the arithmetic; adapters and log-probabilities are always float32.</summary>
    public ComputeType ComputeType { get; init; } = ComputeType.Bfloat16;

    /// <summary>Whether the frozen linear layers are kept as NF4 with double quantisation (QLoRA; Dettmers et al., 2023, arXiv 2305.14314).</summary>
    public bool LoadIn4Bit { get; init; }

    /// <summary>What the policy is compared with when training starts from an adapter.</summary>
    public ReferencePolicy Reference { get; init; } = ReferencePolicy.Initial;

    /// <summary>Seed of shuffling, adapter initialisation and dropout.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>The adapter.</summary>
    public LoraRecipe Lora { get; init; } = new();

    /// <summary>Micro-batches of one pass over so many pairs; the last, smaller one counts, as in transformers.</summary>
    public int BatchesAnEpoch(int pairs) => DivideUp(pairs, BatchSize);

    /// <summary>Optimiser steps of one pass over so many pairs.</summary>
    public int StepsAnEpoch(int pairs) => DivideUp(BatchesAnEpoch(pairs), GradientAccumulationSteps);

    /// <summary>Optimiser steps in all.</summary>
    public int TotalSteps(int pairs) => MaxSteps ?? checked(Epochs * StepsAnEpoch(pairs));

    private static int DivideUp(int dividend, int divisor) => (int)(((long)dividend + divisor - 1) / divisor);

    /// <summary>The learning rate that <c>learning_rate_multiplier</c> multiplies.</summary>
    public const double DefaultLearningRate = 5e-5;
}
