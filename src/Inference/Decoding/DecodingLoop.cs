using TrainingService.Inference.Errors;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Decoding;

/// <summary>
/// A model and the one thread that may use it. Answers join between passes and leave when they end (continuous batching,
/// Yu et al., 2022, "Orca"): no answer waits for another to end.
/// </summary>
internal sealed class DecodingLoop
{
    // Prompts that join in one pass: those being answered wait no longer than this many tokens take.
    private const int PromptTokensAPass = 2048;

    private readonly Func<GenerationModel> _load;
    private readonly int _concurrency;
    private readonly DecodingMetrics _metrics;
    private readonly object _gate = new();
    private readonly Queue<Answer> _waiting = new();
    private readonly Queue<(Action<GenerationModel> Run, Action<Exception> Fail)> _scores = new();
    private readonly List<(Answer Answer, GenerationSequence Sequence)> _active = [];
    private readonly TaskCompletionSource<ModelLimits> _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _closed;

    /// <param name="name">Name of the model, for the thread.</param>
    /// <param name="load">Loads the model, on the thread.</param>
    /// <param name="concurrency">Answers written at once.</param>
    /// <param name="metrics">Told of answers and tokens.</param>
    public DecodingLoop(string name, Func<GenerationModel> load, int concurrency, DecodingMetrics metrics)
    {
        (_load, _concurrency, _metrics) = (load, concurrency, metrics);
        new Thread(Run) { Name = $"decoding {name}", IsBackground = true }.Start();
    }

    /// <summary>Done when the model is loaded, with what it can take.</summary>
    public Task<ModelLimits> Loaded => _loaded.Task;

    /// <summary>Answers that have not begun.</summary>
    public int Waiting
    {
        get { lock (_gate) return _waiting.Count; }
    }

    /// <summary>Takes answers to be written, in their order.</summary>
    public void Enqueue(IReadOnlyList<Answer> answers)
    {
        lock (_gate)
        {
            if (_closed) throw RequestException.Stopping();
            foreach (Answer answer in answers) _waiting.Enqueue(answer);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Scores a text between two passes.</summary>
    public Task<IReadOnlyList<GeneratedToken>> ScoreAsync(IReadOnlyList<int> ids, int topLogProbs, CancellationToken cancellationToken)
    {
        var scored = new TaskCompletionSource<IReadOnlyList<GeneratedToken>>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_closed) throw RequestException.Stopping();
            _scores.Enqueue((model =>
            {
                if (cancellationToken.IsCancellationRequested) scored.TrySetCanceled(cancellationToken);
                else scored.TrySetResult(model.Score(ids, topLogProbs));
            }, e => scored.TrySetException(e)));
            Monitor.Pulse(_gate);
        }
        return scored.Task;
    }

    /// <summary>Ends the thread and frees the model; answers that have not ended fail.</summary>
    public Task CloseAsync()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
        return _ended.Task;
    }

    private void Run()
    {
        try
        {
            using GenerationModel model = _load();
            _loaded.SetResult(new(model.ContextLength, model.VocabularySize));
            while (AwaitWork())
            {
                Score(model);
                Admit(model);
                if (_active.Count > 0) Advance(model);
            }
            FailAll(RequestException.Stopping());
        }
        catch (Exception e)
        {
            _loaded.TrySetException(e);
            FailAll(e);
        }
        finally
        {
            _ended.SetResult();
        }
    }

    /// <summary>Waits until there is something to do; false when the loop is closed.</summary>
    private bool AwaitWork()
    {
        lock (_gate)
        {
            while (!_closed && _active.Count == 0 && _waiting.Count == 0 && _scores.Count == 0) Monitor.Wait(_gate);
            return !_closed;
        }
    }

    /// <summary>One text a pass, so that many do not keep the answers waiting.</summary>
    private void Score(GenerationModel model)
    {
        (Action<GenerationModel> Run, Action<Exception> Fail) score;
        lock (_gate)
            if (!_scores.TryDequeue(out score)) return;
        try
        {
            score.Run(model);
        }
        catch (Exception e)
        {
            score.Fail(e);
        }
    }

    private void Admit(GenerationModel model)
    {
        lock (_gate)
        {
            int tokens = 0;
            while (_active.Count < _concurrency && _waiting.TryPeek(out Answer? next) && (tokens == 0 || tokens + next.Prompt.Count <= PromptTokensAPass))
            {
                _waiting.Dequeue();
                if (next.IsAbandoned) continue;
                tokens += next.Prompt.Count;
                _active.Add((next, model.Begin(next.Prompt, next.Sampling)));
                _metrics.Began(1);
            }
        }
        Leave(_active.FindAll(a => a.Answer.IsAbandoned));
    }

    private void Advance(GenerationModel model)
    {
        try
        {
            IReadOnlyList<GeneratedToken> tokens = model.Advance([.. _active.Select(a => a.Sequence)]);
            _metrics.Drew(tokens.Count);
            Leave([.. _active.Where((a, i) => !a.Answer.Append(tokens[i]))]);
        }
        catch (Exception e)
        {
            // E.g. out of memory: the caches may be half written, but the model is whole and answers what comes next.
            foreach ((Answer answer, _) in _active) answer.Fail(e);
            Leave([.. _active]);
        }
    }

    private void Leave(List<(Answer Answer, GenerationSequence Sequence)> ended)
    {
        foreach (var each in ended)
        {
            _active.Remove(each);
            each.Sequence.Dispose();
        }
        _metrics.Ended(ended.Count);
    }

    private void FailAll(Exception exception)
    {
        foreach ((Answer answer, _) in _active) answer.Fail(exception);
        Leave([.. _active]);
        lock (_gate)
        {
            _closed = true;
            while (_waiting.TryDequeue(out Answer? answer)) answer.Fail(exception);
            while (_scores.TryDequeue(out var score)) score.Fail(exception);
        }
    }
}

/// <summary>What a model can take.</summary>
/// <param name="ContextLength">Positions the model was made for.</param>
/// <param name="VocabularySize">Tokens of the vocabulary.</param>
internal sealed record ModelLimits(int ContextLength, int VocabularySize);
