namespace TrainingService.Domain.Metrics;

/// <summary>The names TRL's DPOTrainer gives its metrics.</summary>
public static class MetricNames
{
    /// <summary>Mean loss a micro-batch.</summary>
    public const string Loss = "loss";

    /// <summary>Global L2 norm of the adapter's gradients before clipping.</summary>
    public const string GradNorm = "grad_norm";

    /// <summary>Learning rate the step was taken with.</summary>
    public const string LearningRate = "learning_rate";

    /// <summary>Mean entropy of the policy's next-token distribution over completion tokens, nats.</summary>
    public const string Entropy = "entropy";

    /// <summary>Input tokens seen so far, the prompt counted once for chosen and once for rejected.</summary>
    public const string NumTokens = "num_tokens";

    /// <summary>Mean over chosen tokens of the vocabulary's mean logit.</summary>
    public const string LogitsChosen = "logits/chosen";

    /// <summary>Mean over rejected tokens of the vocabulary's mean logit.</summary>
    public const string LogitsRejected = "logits/rejected";

    /// <summary>Share of chosen tokens that are the policy's first choice.</summary>
    public const string MeanTokenAccuracy = "mean_token_accuracy";

    /// <summary>Mean of β (log π − log π_ref) of the chosen completions.</summary>
    public const string RewardsChosen = "rewards/chosen";

    /// <summary>Mean of β (log π − log π_ref) of the rejected completions.</summary>
    public const string RewardsRejected = "rewards/rejected";

    /// <summary>Share of pairs whose chosen reward is strictly greater.</summary>
    public const string RewardsAccuracies = "rewards/accuracies";

    /// <summary>Mean difference of chosen and rejected reward.</summary>
    public const string RewardsMargins = "rewards/margins";

    /// <summary>Mean summed log-probability of the chosen completions.</summary>
    public const string LogpsChosen = "logps/chosen";

    /// <summary>Mean summed log-probability of the rejected completions.</summary>
    public const string LogpsRejected = "logps/rejected";
}
