using TorchSharp;
using TrainingService.Training.Adapters;
using TrainingService.Training.Batching;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Objectives;

/// <summary>Passes of a policy and its reference over packs.</summary>
/// <param name="model">The frozen model.</param>
/// <param name="policy">The adapter that is trained.</param>
/// <param name="reference">The reference's adapter; null when the reference is the frozen model.</param>
/// <param name="packTokens">Most tokens a pack.</param>
internal sealed class ModelPasses(CausalLanguageModel model, LoraAdapter policy, LoraAdapter? reference, int packTokens)
{
    /// <summary>Where the tensors are.</summary>
    public Device Device => model.Device;

    /// <summary>Most tokens a pack.</summary>
    public int PackTokens => packTokens;

    /// <summary>Asks the policy about a pack's targets.</summary>
    public ScoredPack Score(PackedBatch packed, HeadOutputs asked)
    {
        var tape = new Tape(records: asked.HasFlag(HeadOutputs.Gradient));
        try
        {
            Activation normed = HiddenBeforeTargets(tape, packed, policy);
            (TokenStatistics statistics, Tensor? direction) = model.Head.Forward(normed.Value, packed.Targets, asked, policy);
            return new(tape, statistics, coefficients => tape.Backward(normed, model.Head.Backward(normed.Value, packed.Targets, direction!, coefficients, policy)));
        }
        catch
        {
            // Most often for want of memory, which another attempt in this process needs.
            tape.Dispose();
            throw;
        }
    }

    /// <summary>The policy's log-probability of each target, without a gradient, (targets,).</summary>
    public Tensor LogProbs(PackedBatch packed) => LogProbs(packed, policy);

    /// <summary>The reference's log-probability of each target, (targets,).</summary>
    public Tensor ReferenceLogProbs(PackedBatch packed) => LogProbs(packed, reference);

    private Tensor LogProbs(PackedBatch packed, LoraAdapter? adapter)
    {
        using var tape = new Tape(records: false);
        return model.Head.Forward(HiddenBeforeTargets(tape, packed, adapter).Value, packed.Targets, HeadOutputs.LogProbs, adapter).Statistics.LogProbs;
    }

    /// <summary>Normed hidden states that predict a pack's targets, (targets, hidden).</summary>
    private Activation HiddenBeforeTargets(Tape tape, PackedBatch packed, LoraAdapter? adapter)
    {
        NativeHeap.FreeScalars();
        return model.Norm(tape, model.Forward(tape, packed.Ids, packed.Positions, new PackedAttention(packed.Spans), adapter, packed.Rows));
    }
}

/// <summary>What the policy said of a pack, and the way back into its adapter.</summary>
internal sealed class ScoredPack(Tape tape, TokenStatistics tokens, Action<Tensor> backward) : IDisposable
{
    /// <summary>What the head said of each target.</summary>
    public TokenStatistics Tokens => tokens;

    /// <summary>Adds to the adapter's gradients.</summary>
    /// <param name="coefficients">∂ loss / ∂ log π of each target, (targets,).</param>
    public void Backward(Tensor coefficients) => backward(coefficients);

    public void Dispose() => tape.Dispose();
}
