using TrainingService.Domain.Recipes;

namespace TrainingService.Domain.Metrics;

/// <summary>The names TRL's trainers give their metrics.</summary>
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

    /// <summary>KTO's estimate of the divergence from the reference, nats.</summary>
    public const string Kl = "kl";

    /// <summary>Mean cross-entropy of the chosen completions' tokens.</summary>
    public const string NllLoss = "nll_loss";

    /// <summary>ORPO's mean log-sigmoid of the log odds ratio.</summary>
    public const string LogOddsRatio = "log_odds_ratio";

    /// <summary>ORPO's mean log odds ratio of chosen to rejected.</summary>
    public const string LogOddsChosen = "log_odds_chosen";

    private static readonly string[] s_pairs =
        [RewardsChosen, RewardsRejected, RewardsAccuracies, RewardsMargins, LogpsChosen, LogpsRejected, LogitsChosen, LogitsRejected];

    private static readonly Dictionary<TrainingMethod, IReadOnlyList<string>> s_evaluated = new()
    {
        [TrainingMethod.Dpo] = [Loss, .. s_pairs, Entropy, MeanTokenAccuracy],
        [TrainingMethod.Kto] = [Loss, .. s_pairs.Where(n => n != RewardsAccuracies), Kl, Entropy],
        [TrainingMethod.Orpo] = [Loss, .. s_pairs, NllLoss, LogOddsRatio, LogOddsChosen],
        [TrainingMethod.Cpo] = [Loss, .. s_pairs, NllLoss],
        [TrainingMethod.Supervised] = [Loss, Entropy, MeanTokenAccuracy],
    };

    /// <summary>What an evaluation by a method measures, under the names without the prefix <c>eval_</c>.</summary>
    public static IReadOnlyList<string> Evaluated(TrainingMethod method) => s_evaluated[method];
}
