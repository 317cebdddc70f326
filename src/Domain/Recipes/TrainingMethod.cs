namespace TrainingService.Domain.Recipes;

/// <summary>What a job trains on and by: <c>method.type</c> of a request.</summary>
public enum TrainingMethod
{
    /// <summary>Direct preference optimisation and the losses of its family, on pairs, against a reference.</summary>
    Dpo,

    /// <summary>Supervised fine-tuning: cross-entropy of the assistant's tokens.</summary>
    Supervised,

    /// <summary>Kahneman–Tversky optimisation (arXiv 2402.01306), on single completions with a thumb up or down, against a reference.</summary>
    Kto,

    /// <summary>Odds-ratio preference optimisation (arXiv 2403.07691), on pairs, without a reference.</summary>
    Orpo,

    /// <summary>Contrastive preference optimisation (arXiv 2401.08417) and SimPO (arXiv 2405.14734), on pairs, without a reference.</summary>
    Cpo,
}
