using System.Threading.Channels;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Training.Trainers;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Jobs;

/// <summary>
/// The line between a run, which must not wait for the database, and its rows. A loop writes what the run tells, renews
/// the lease and brings back what the client and the host want.
/// </summary>
internal sealed partial class RunRecorder : IAsyncDisposable
{
    private const int Capacity = 4096;
    private const int BatchSize = 256;

    private readonly JobLease _lease;
    private readonly WorkerOptions _options;
    private readonly TimeProvider _timeProvider;
    private readonly ILogger _logger;
    private readonly Channel<Action<RunBatch>> _entries = Channel.CreateBounded<Action<RunBatch>>(Capacity);
    private readonly CancellationTokenSource _interrupted = new();
    private readonly CancellationTokenRegistration _onStopping;
    private readonly Task _loop;
    private volatile TrainingProgress? _progress;
    private volatile bool _cancelRequested, _pauseRequested, _stopping, _leaseLost;

    public RunRecorder(JobLease lease, WorkerOptions options, TimeProvider timeProvider, ILogger logger, CancellationToken stopping)
    {
        (_lease, _options, _timeProvider, _logger) = (lease, options, timeProvider, logger);
        _onStopping = stopping.Register(() => { _stopping = true; _interrupted.Cancel(); });
        _loop = Task.Run(WriteAllAsync, CancellationToken.None);
    }

    /// <summary>What the run shall do, answered at once.</summary>
    public TrainingSignal Signal =>
        _leaseLost || _cancelRequested ? TrainingSignal.Cancel :
        _stopping || _pauseRequested ? TrainingSignal.Stop :
        TrainingSignal.Continue;

    /// <summary>Cancelled as soon as the signal is no longer to continue.</summary>
    public CancellationToken Interrupted => _interrupted.Token;

    public bool LeaseLost => _leaseLost;

    public bool CancelRequested => _cancelRequested;

    public bool PauseRequested => _pauseRequested;

    /// <summary>How far the run is; only the newest is written.</summary>
    public TrainingProgress? Progress { get => _progress; set => _progress = value; }

    public void Record(StepMetrics metrics, JobEvent told) => Add(batch => { batch.Metrics.Add(metrics); batch.Events.Add(told); });

    public void Record(KeptCheckpoint checkpoint, JobEvent told) => Add(batch => { batch.Checkpoints.Add(checkpoint); batch.Events.Add(told); });

    public void RecordSuperseded(int step, JobEvent told) => Add(batch => { batch.Superseded.Add(step); batch.Events.Add(told); });

    public void Record(params IEnumerable<JobEvent> events) => Add(batch => batch.Events.AddRange(events));

    public void RecordPreparation(int totalSteps, string datasetReport) => Add(batch => batch.Preparation = (totalSteps, datasetReport));

    public void RecordStateSaved() => Add(batch => batch.StateSaved = true);

    /// <summary>
    /// Waits until all that was recorded so far stands in the database. A training state may be saved only then: the run
    /// that goes on from it does not tell again what came before.
    /// </summary>
    /// <returns>Whether it does; false when the database did not answer in time or the lease is lost.</returns>
    public async Task<bool> FlushAsync(TimeSpan patience)
    {
        var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Add(batch => batch.Written += written.SetResult);
        await Task.WhenAny(written.Task, _loop, Task.Delay(patience, _timeProvider));
        return written.Task.IsCompleted;
    }

    /// <summary>Writes what is left and stops renewing the lease.</summary>
    public async Task CompleteAsync()
    {
        _entries.Writer.TryComplete();
        await _loop;
    }

    public async ValueTask DisposeAsync()
    {
        await CompleteAsync();
        await _onStopping.DisposeAsync();
        _interrupted.Dispose();
    }

    private void Add(Action<RunBatch> entry)
    {
        // Full means that the database is away: the run waits for it, or for the end of the lease, which closes the channel.
        while (!_entries.Writer.TryWrite(entry))
            if (!_entries.Writer.WaitToWriteAsync().AsTask().GetAwaiter().GetResult())
                return;
    }

    private async Task WriteAllAsync()
    {
        try
        {
            bool open = true;
            while (open)
            {
                open = await WaitForEntriesAsync();
                var batch = new RunBatch { Progress = _progress };
                for (int i = 0; i < BatchSize && _entries.Reader.TryRead(out Action<RunBatch>? entry); i++) entry(batch);
                ClientWishes wishes = await _lease.PersistAsync(c => _lease.WriteAsync(batch, c), LogDatabaseAway, CancellationToken.None);
                batch.Written?.Invoke();
                (_cancelRequested, _pauseRequested) = (wishes.Cancel, wishes.Pause);
                if (Signal != TrainingSignal.Continue) _interrupted.Cancel();
            }
        }
        catch (LeaseLostException e)
        {
            LogLeaseLost(e.Message);
            _leaseLost = true;
            _interrupted.Cancel();
        }
        finally
        {
            _entries.Writer.TryComplete();
        }
    }

    /// <summary>Waits for something to write or for the interval to pass; false once the run is over and all is read.</summary>
    private async Task<bool> WaitForEntriesAsync()
    {
        using var interval = new CancellationTokenSource(_options.FlushInterval, _timeProvider);
        try
        {
            return await _entries.Reader.WaitToReadAsync(interval.Token);
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }

    private void LogDatabaseAway(Exception e) => LogDatabaseAway(_lease.JobId, e.Message);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Job {JobId} trains on while the database does not answer: {Reason}")]
    private partial void LogDatabaseAway(string jobId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Reason} The run stops and writes nothing more.")]
    private partial void LogLeaseLost(string reason);
}
