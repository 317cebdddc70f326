namespace TrainingService.Domain.Recipes;

/// <summary>
/// Everything that decides a training run besides model and data, with the defaults. Names on the wire are TRL's and
/// PEFT's, and which settings belong to which method stands in <see cref="RecipeFields"/>.
/// </summary>
public sealed record TrainingRecipe
{
    /// <summary>What is trained on and by.</summary>
    public TrainingMethod Method { get; init; }

    /// <summary>Weight of the preference: the pull towards the reference, or what a margin counts without one.</summary>
    public double Beta { get; init; } = 0.1;

    /// <summary>Rows a micro-batch (TRL's per_device_train_batch_size).</summary>
    public int BatchSize { get; init; } = 2;

    /// <summary>Passes over the training rows.</summary>
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

    /// <summary>DPO's losses, summed with <see cref="LossWeights"/>.</summary>
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

    /// <summary>KTO's loss.</summary>
    public KtoLossType KtoLossType { get; init; } = KtoLossType.Kto;

    /// <summary>KTO's weight of rows with a thumb up.</summary>
    public double DesirableWeight { get; init; } = 1;

    /// <summary>KTO's weight of rows with a thumb down.</summary>
    public double UndesirableWeight { get; init; } = 1;

    /// <summary>CPO's loss.</summary>
    public CpoLossType CpoLossType { get; init; } = CpoLossType.Sigmoid;

    /// <summary>Weight of CPO's behaviour-cloning term.</summary>
    public double CpoAlpha { get; init; } = 1;

    /// <summary>SimPO's target margin γ.</summary>
    public double SimpoGamma { get; init; } = 0.5;

    /// <summary>Whether supervised fine-tuning counts the assistant's tokens alone, or all.</summary>
    public bool AssistantOnlyLoss { get; init; } = true;

    /// <summary>Noise on the embeddings in training (NEFTune, arXiv 2310.05914); null is off.</summary>
    public double? NeftuneNoiseAlpha { get; init; }

    /// <summary>The optimiser.</summary>
    public OptimizerType Optimizer { get; init; } = OptimizerType.AdamwTorch;

    /// <summary>Shape of the learning rate over the steps.</summary>
    public LearningRateSchedule LearningRateSchedule { get; init; } = LearningRateSchedule.Linear;

    /// <summary>What the shape takes besides the steps.</summary>
    public ScheduleArguments ScheduleArguments { get; init; } = new();

    /// <summary>Steps of linear warm-up; below 1 a share of all steps.</summary>
    public double WarmupSteps { get; init; }

    /// <summary>Weight decay, decoupled where the optimiser's is.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Decay of the gradient's mean, of AdamW and Lion.</summary>
    public double AdamBeta1 { get; init; } = 0.9;

    /// <summary>Decay of the squared gradient's mean, of AdamW; of the gradient's mean between steps, of Lion.</summary>
    public double AdamBeta2 { get; init; } = 0.999;

    /// <summary>AdamW's ε.</summary>
    public double AdamEpsilon { get; init; } = 1e-8;

    /// <summary>Gradients are scaled down to this global norm; 0 never clips.</summary>
    public double MaxGradNorm { get; init; } = 1.0;

    /// <summary>Optimiser steps a log.</summary>
    public int LoggingSteps { get; init; } = 10;

    /// <summary>Share of the training rows that is split off for evaluation by the seed, no prompt on both sides; null splits off none.</summary>
    public double? ValidationSplit { get; init; }

    /// <summary>When the validation rows are evaluated; null resolves to each epoch when there are such rows.</summary>
    public IntervalStrategy? EvalStrategy { get; init; }

    /// <summary>Steps between evaluations with the steps strategy; null takes <see cref="LoggingSteps"/>.</summary>
    public int? EvalSteps { get; init; }

    /// <summary>When a checkpoint is kept.</summary>
    public IntervalStrategy SaveStrategy { get; init; } = IntervalStrategy.Epoch;

    /// <summary>Steps between checkpoints with the steps strategy.</summary>
    public int SaveSteps { get; init; } = 500;

    /// <summary>Most checkpoints kept; older ones go first, the best one last. Null keeps all.</summary>
    public int? SaveTotalLimit { get; init; }

    /// <summary>Whether the adapter that comes out is the best checkpoint's rather than the last step's.</summary>
    public bool LoadBestModelAtEnd { get; init; }

    /// <summary>The evaluation metric that tells checkpoints apart, without its prefix <c>eval_</c>.</summary>
    public string MetricForBestModel { get; init; } = "loss";

    /// <summary>Whether more of the metric is better; null takes no for a loss and yes for all else.</summary>
    public bool? GreaterIsBetter { get; init; }

    /// <summary>Evaluations in a row without improvement after which training stops; null never stops early.</summary>
    public int? EarlyStoppingPatience { get; init; }

    /// <summary>How much better the metric must be to count as improved.</summary>
    public double EarlyStoppingThreshold { get; init; }

    /// <summary>Order in which the rows are taken.</summary>
    public SamplingStrategy SamplingStrategy { get; init; } = SamplingStrategy.Random;

    /// <summary>Type of the frozen weights and of the arithmetic; adapters and log-probabilities are always float32.</summary>
    public ComputeType ComputeType { get; init; } = ComputeType.Bfloat16;

    /// <summary>Whether the frozen linear layers are kept as NF4 with double quantisation (QLoRA; Dettmers et al., 2023, arXiv 2305.14314).</summary>
    public bool LoadIn4Bit { get; init; }

    /// <summary>What the policy is compared with when training starts from an adapter.</summary>
    public ReferencePolicy Reference { get; init; } = ReferencePolicy.Initial;

    /// <summary>Seed of shuffling, adapter initialisation and dropout.</summary>
    public int Seed { get; init; } = 42;

    /// <summary>Which columns of the files stand for which fields; null recognises the rows by content.</summary>
    public ColumnMapping? Columns { get; init; }

    /// <summary>The adapter.</summary>
    public LoraRecipe Lora { get; init; } = new();

    /// <summary>Micro-batches of one pass over so many rows; the last, smaller one counts, as in transformers.</summary>
    public int BatchesAnEpoch(int rows) => DivideUp(rows, BatchSize);

    /// <summary>Optimiser steps of one pass over so many rows.</summary>
    public int StepsAnEpoch(int rows) => DivideUp(BatchesAnEpoch(rows), GradientAccumulationSteps);

    /// <summary>Optimiser steps in all.</summary>
    public int TotalSteps(int rows) => MaxSteps ?? checked(Epochs * StepsAnEpoch(rows));

    /// <summary>Whether more of <see cref="MetricForBestModel"/> is better.</summary>
    public bool MoreIsBetter => GreaterIsBetter ?? !MetricForBestModel.EndsWith("loss", StringComparison.Ordinal);

    /// <summary>Whether the policy is compared with a frozen reference.</summary>
    public bool HasReference => Method is TrainingMethod.Dpo or TrainingMethod.Kto;

    private static int DivideUp(int dividend, int divisor) => (int)(((long)dividend + divisor - 1) / divisor);

    /// <summary>The learning rate that <c>learning_rate_multiplier</c> multiplies.</summary>
    public const double DefaultLearningRate = 5e-5;
}
