using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Batching;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Native;
using static TorchSharp.torch;

namespace TrainingService.Training.Generation;

/// <summary>A model with or without an adapter, loaded to continue and to score texts. One thread at a time.</summary>
public sealed class GenerationModel : IDisposable
{
    // Log-probabilities of the whole vocabulary are kept for so many tokens at a time.
    private const int ScoredRows = 128;

    private readonly CausalLanguageModel _model;
    private readonly LoraAdapter? _adapter;

    private GenerationModel(CausalLanguageModel model, LoraAdapter? adapter) => (_model, _adapter) = (model, adapter);

    /// <summary>Positions the model was made for.</summary>
    public int ContextLength => _model.ContextLength;

    /// <summary>Tokens of the vocabulary.</summary>
    public int VocabularySize => _model.VocabularySize;

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">A model folder in Hugging Face's form.</param>
    /// <param name="adapterFolder">A PEFT folder, or null for the model alone.</param>
    /// <param name="computeType">Type of weights and arithmetic.</param>
    /// <param name="loadIn4Bit">Whether the linear layers' weights are kept as NF4.</param>
    /// <exception cref="ModelFormatException">A file cannot be used.</exception>
    public static GenerationModel Load(string modelFolder, string? adapterFolder, ComputeType computeType, bool loadIn4Bit = false)
    {
        CausalLanguageModel model = CausalLanguageModel.Load(modelFolder, computeType, loadIn4Bit: loadIn4Bit);
        try
        {
            return new(model, adapterFolder is null ? null : PeftFiles.Load(adapterFolder, model.Adaptable));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Begins to continue a prompt of at least one token.</summary>
    public GenerationSequence Begin(IReadOnlyList<int> prompt, SamplingOptions sampling)
    {
        Check(prompt);
        return new([.. prompt], sampling, _model.LayerCount);
    }

    /// <summary>Draws one more token for each sequence, in one pass over all.</summary>
    /// <returns>The drawn tokens, in the order of the sequences.</returns>
    public IReadOnlyList<GeneratedToken> Advance(IReadOnlyList<GenerationSequence> sequences)
    {
        NativeHeap.FreeScalars();
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (GenerationSequence sequence in sequences) sequence.RereadBeyond(_model.RereadsBeyond);
        int[][] unread = [.. sequences.Select(s => s.Unread)];
        Tensor ids = tensor(unread.SelectMany(u => u).Select(i => (long)i).ToArray(), device: _model.Device);
        Tensor positions = tensor(sequences.Zip(unread).SelectMany(p => Enumerable.Range(p.First.Cache.Length, p.Second.Length)).Select(i => (long)i).ToArray(), device: _model.Device);
        using var tape = new Tape(records: false);
        var attention = new CachedAttention([.. sequences.Zip(unread, (s, u) => (s.Cache, u.Length))]);
        int end = -1;
        Tensor last = tensor(unread.Select(u => (long)(end += u.Length)).ToArray(), device: _model.Device);
        Activation hidden = _model.Forward(tape, ids, positions, attention, _adapter, last);
        for (int i = 0; i < sequences.Count; i++) sequences[i].Cache.Advance(unread[i].Length);

        Tensor logProbs = LogProbs(_model.Norm(tape, hidden).Value);
        return [.. sequences.Select((s, i) => s.Draw(logProbs[i]))];
    }

    /// <summary>Log-probabilities of each token after the first, given those before it.</summary>
    /// <param name="ids">At least one token id.</param>
    public IReadOnlyList<float> Score(IReadOnlyList<int> ids)
    {
        Check(ids);
        if (ids.Count == 1) return [];
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: false);
        Tensor all = tensor(ids.Select(i => (long)i).ToArray(), device: _model.Device);
        return [.. _model.Head.Forward(HiddenBeforeEach(tape, all), all.narrow(0, 1, ids.Count - 1), HeadOutputs.LogProbs, _adapter).Statistics.LogProbs.cpu().data<float>()];
    }

    /// <summary>Each token after the first, given those before it, beside the most probable tokens at its place.</summary>
    /// <param name="ids">At least one token id.</param>
    /// <param name="topLogProbs">How many of the most probable tokens are told.</param>
    public IReadOnlyList<GeneratedToken> Score(IReadOnlyList<int> ids, int topLogProbs)
    {
        Check(ids);
        if (ids.Count == 1) return [];
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using var tape = new Tape(records: false);
        Tensor hidden = HiddenBeforeEach(tape, tensor(ids.Select(i => (long)i).ToArray(), device: _model.Device));
        var scored = new List<GeneratedToken>(ids.Count - 1);
        while (scored.Count < ids.Count - 1)
        {
            using DisposeScope inner = NewDisposeScope();
            int start = scored.Count, rows = Math.Min(ScoredRows, ids.Count - 1 - start);
            Tensor logProbs = LogProbs(hidden.narrow(0, start, rows));
            for (int i = 0; i < rows; i++)
                scored.Add(new(new(ids[start + i + 1], logProbs[i, ids[start + i + 1]].item<float>()), TokenSampler.Top(logProbs[i], topLogProbs)));
        }
        return scored;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _adapter?.Dispose();
        _model.Dispose();
    }

    /// <summary>Normed hidden states from which each token after the first is predicted, (tokens − 1, hidden).</summary>
    private Tensor HiddenBeforeEach(Tape tape, Tensor ids)
    {
        NativeHeap.FreeScalars();
        int tokens = (int)ids.shape[0];
        var attention = new PackedAttention([new PairSpan(0, tokens, 0, 0)]);
        return _model.Norm(tape, _model.Forward(tape, ids, arange(tokens, device: _model.Device), attention, _adapter, arange(tokens - 1, device: _model.Device))).Value;
    }

    /// <summary>(rows, hidden) → (rows, vocabulary), float32, where the processor reads them.</summary>
    private Tensor LogProbs(Tensor normed) => _model.Head.Logits(normed, _adapter).log_softmax(1, ScalarType.Float32).cpu();

    private void Check(IReadOnlyList<int> ids)
    {
        if (ids.Count == 0) throw new ArgumentException("There must be at least one token.", nameof(ids));
        foreach (int id in ids)
            if (id < 0 || id >= VocabularySize) throw new ArgumentOutOfRangeException(nameof(ids), id, $"Token ids of this model are 0 to {VocabularySize - 1}.");
    }
}
