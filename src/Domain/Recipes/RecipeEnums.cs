namespace TrainingService.Domain.Recipes;

/// <summary>A preference loss. Formulas and papers stand on the functions in the engine's Losses folder.</summary>
public enum LossType
{
    /// <summary>DPO's logistic loss.</summary>
    Sigmoid,

    /// <summary>SLiC's hinge loss.</summary>
    Hinge,

    /// <summary>Identity preference optimisation.</summary>
    Ipo,

    /// <summary>EXO for pairs.</summary>
    ExoPair,

    /// <summary>Noise-contrastive alignment for pairs.</summary>
    NcaPair,

    /// <summary>Robust DPO.</summary>
    Robust,

    /// <summary>Binary classifier optimisation for pairs.</summary>
    BcoPair,

    /// <summary>Self-play preference optimisation with hard labels.</summary>
    SppoHard,

    /// <summary>Alignment by optimal transport.</summary>
    Aot,

    /// <summary>Unpaired alignment by optimal transport.</summary>
    AotUnpaired,

    /// <summary>Anchored preference optimisation, zero.</summary>
    ApoZero,

    /// <summary>Anchored preference optimisation, down.</summary>
    ApoDown,

    /// <summary>DiscoPOP.</summary>
    Discopop,

    /// <summary>Cross-entropy of the chosen completions.</summary>
    Sft,

    /// <summary>Length-normalised logistic loss.</summary>
    SigmoidNorm,
}

/// <summary>A loss of KTO.</summary>
public enum KtoLossType
{
    /// <summary>Ethayarajh et al., 2024, arXiv 2402.01306.</summary>
    Kto,

    /// <summary>Anchored preference optimisation without pairs.</summary>
    ApoZeroUnpaired,
}

/// <summary>A loss of CPO, without a reference.</summary>
public enum CpoLossType
{
    /// <summary>DPO's logistic loss with a uniform reference.</summary>
    Sigmoid,

    /// <summary>SLiC's hinge loss with a uniform reference.</summary>
    Hinge,

    /// <summary>IPO with a uniform reference, of mean log-probabilities.</summary>
    Ipo,

    /// <summary>SimPO: mean log-probabilities and a target margin.</summary>
    Simpo,
}

/// <summary>An optimiser, under transformers' names.</summary>
public enum OptimizerType
{
    /// <summary>Adam with decoupled weight decay.</summary>
    AdamwTorch,

    /// <summary>Stochastic gradient descent without momentum.</summary>
    Sgd,

    /// <summary>Evolved sign momentum.</summary>
    [WireName("lion_32bit")]
    Lion,

    /// <summary>Adam with factored second moments and without first ones.</summary>
    Adafactor,
}

/// <summary>An f-divergence (Wang et al., 2023, arXiv 2309.16240).</summary>
public enum FDivergenceType
{
    /// <summary>Reverse Kullback–Leibler: DPO's own.</summary>
    ReverseKl,

    /// <summary>Forward Kullback–Leibler.</summary>
    ForwardKl,

    /// <summary>Jensen–Shannon.</summary>
    JsDivergence,

    /// <summary>Alpha divergence.</summary>
    AlphaDivergence,
}

/// <summary>Shape of the learning rate over the steps, under transformers' names.</summary>
public enum LearningRateSchedule
{
    /// <summary>Warm-up, then linearly to 0.</summary>
    Linear,

    /// <summary>Warm-up, then half a cosine to 0.</summary>
    Cosine,

    /// <summary>Warm-up, then cosines to 0 that each start anew from the peak.</summary>
    CosineWithRestarts,

    /// <summary>Warm-up, then a power of the remaining share down to an end.</summary>
    Polynomial,

    /// <summary>Constant without warm-up.</summary>
    Constant,

    /// <summary>Warm-up, then constant.</summary>
    ConstantWithWarmup,

    /// <summary>Warm-up, then as the inverse square root of the step.</summary>
    InverseSqrt,
}

/// <summary>When something recurring happens.</summary>
public enum IntervalStrategy
{
    /// <summary>Never.</summary>
    No,

    /// <summary>Every so many optimiser steps.</summary>
    Steps,

    /// <summary>At the end of each epoch.</summary>
    Epoch,
}

/// <summary>Order in which training pairs are taken.</summary>
public enum SamplingStrategy
{
    /// <summary>Shuffled anew each epoch by the seed.</summary>
    Random,

    /// <summary>The file's order.</summary>
    Sequential,
}

/// <summary>Floating-point type of frozen weights and arithmetic.</summary>
public enum ComputeType
{
    /// <summary>32-bit.</summary>
    Float32,

    /// <summary>bfloat16.</summary>
    Bfloat16,
}

/// <summary>The reference policy when training starts from an adapter.</summary>
public enum ReferencePolicy
{
    /// <summary>The adapter as it was at the start.</summary>
    Initial,

    /// <summary>The base model without adapter.</summary>
    Base,
}
