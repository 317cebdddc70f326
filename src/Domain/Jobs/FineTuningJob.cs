using TrainingService.Domain.Keys;

namespace TrainingService.Domain.Jobs;

/// <summary>
/// A fine-tuning job. Its row is the truth: the queue carries the id alone, and whoever holds the lease with the current
/// <see cref="LeaseEpoch"/> may write.
/// </summary>
public sealed class FineTuningJob : IOwned
{
    private FineTuningJob() { }

    /// <summary>A queued job.</summary>
    /// <param name="id">Id, <c>ftjob-…</c>.</param>
    /// <param name="model">Id of the model to start from.</param>
    /// <param name="trainingFileId">Id of the training file.</param>
    /// <param name="validationFileId">Id of the validation file, or null.</param>
    /// <param name="recipe">The resolved recipe as JSON (<see cref="Recipes.RecipeJson.Write"/>).</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="suffix">Part of the tuned model's name, or null.</param>
    /// <param name="metadata">The client's own keys and values, or null.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public FineTuningJob(string id, string model, string trainingFileId, string? validationFileId, string recipe, int seed,
        string? suffix, IReadOnlyDictionary<string, string>? metadata, DateTime now)
    {
        Id = id;
        Model = model;
        TrainingFileId = trainingFileId;
        ValidationFileId = validationFileId;
        Recipe = recipe;
        Seed = seed;
        Suffix = suffix;
        Metadata = metadata is null ? null : new Dictionary<string, string>(metadata);
        CreatedAt = now;
        Status = JobStatus.Queued;
    }

    /// <summary>Id, <c>ftjob-…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>Where the job stands.</summary>
    public JobStatus Status { get; private set; }

    /// <summary>Id of the model training starts from.</summary>
    public string Model { get; private set; } = null!;

    /// <summary>Id of the training file.</summary>
    public string TrainingFileId { get; private set; } = null!;

    /// <summary>Id of the validation file.</summary>
    public string? ValidationFileId { get; private set; }

    /// <summary>The resolved recipe as JSON.</summary>
    public string Recipe { get; private set; } = null!;

    /// <summary>Seed of the run.</summary>
    public int Seed { get; private set; }

    /// <summary>Part of the tuned model's name.</summary>
    public string? Suffix { get; private set; }

    /// <summary>The client's own keys and values.</summary>
    public Dictionary<string, string>? Metadata { get; private set; }

    /// <summary>Whose it is, and with it what it makes; null when the service asked for no key.</summary>
    public string? OwnerId { get; private set; }

    /// <summary>Moment of creation, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Moment a worker first started it, UTC.</summary>
    public DateTime? StartedAt { get; private set; }

    /// <summary>Moment it ended, UTC.</summary>
    public DateTime? FinishedAt { get; private set; }

    /// <summary>Moment it should end at its present speed, UTC.</summary>
    public DateTime? EstimatedFinish { get; private set; }

    /// <summary>Optimiser steps taken.</summary>
    public int Step { get; private set; }

    /// <summary>Optimiser steps in all; null until the rows were prepared.</summary>
    public int? TotalSteps { get; private set; }

    /// <summary>Passes over the training pairs so far, fractional.</summary>
    public double Epoch { get; private set; }

    /// <summary>Pairs a second over the last logs, evaluation and checkpoints not counted.</summary>
    public double? PairsPerSecond { get; private set; }

    /// <summary>Input tokens trained on so far.</summary>
    public long? TrainedTokens { get; private set; }

    /// <summary>What preparation found in the files, as JSON.</summary>
    public string? DatasetReport { get; private set; }

    /// <summary>Name of the tuned model once the job succeeded.</summary>
    public string? FineTunedModel { get; private set; }

    /// <summary>Key of the adapter's zip in the file store once the job succeeded.</summary>
    public string? AdapterKey { get; private set; }

    /// <summary>Ids of the result files.</summary>
    public List<string> ResultFiles { get; private set; } = [];

    /// <summary>Machine-readable reason of a failure.</summary>
    public string? ErrorCode { get; private set; }

    /// <summary>The failure in words.</summary>
    public string? ErrorMessage { get; private set; }

    /// <summary>Field of the request that the failure is about.</summary>
    public string? ErrorParam { get; private set; }

    /// <summary>Set when a client asked to cancel; the worker acts on it within a step.</summary>
    public bool CancelRequested { get; private set; }

    /// <summary>Set when a client asked to pause; the worker acts on it within a step.</summary>
    public bool PauseRequested { get; private set; }

    /// <summary>Who holds the job.</summary>
    public string? LeaseOwner { get; private set; }

    /// <summary>Until when the holder may write without renewing, or, while nobody holds it, the moment before which nobody may claim it, UTC.</summary>
    public DateTime? LeaseExpiresAt { get; private set; }

    /// <summary>Counts the claims: a write that carries an older epoch changes nothing.</summary>
    public int LeaseEpoch { get; private set; }

    /// <summary>The last claim that saved a training state or ended in good order.</summary>
    public int ProgressEpoch { get; private set; }

    /// <summary>Claims in a row, the present one included, that brought the job no further: a worker crashed, or an error may pass by itself.</summary>
    public int AttemptsWithoutProgress => LeaseEpoch - ProgressEpoch;

    /// <summary>The statuses of jobs that have not ended: <see cref="IsFinal"/> is none of them.</summary>
    public static IReadOnlyList<JobStatus> OpenStatuses { get; } = [JobStatus.Queued, JobStatus.Running, JobStatus.Paused];

    /// <summary>Whether the job has ended for good.</summary>
    public bool IsFinal => Status is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled;

    /// <summary>Says whose it is.</summary>
    public void GiveTo(string? owner) => OwnerId = owner;

    /// <summary>A client cancels: a waiting job ends at once, a running one when its worker reads the flag.</summary>
    public void Cancel(DateTime now)
    {
        switch (Status)
        {
            case JobStatus.Queued or JobStatus.Paused:
                CancelRequested = true;
                End(JobStatus.Cancelled, now);
                break;
            case JobStatus.Running:
                CancelRequested = true;
                break;
            default:
                throw new IllegalJobTransitionException(Id, Status, "be cancelled");
        }
    }

    /// <summary>A client pauses: a waiting job pauses at once, a running one at its worker's next step.</summary>
    public void Pause()
    {
        switch (Status)
        {
            case JobStatus.Queued:
                Status = JobStatus.Paused;
                break;
            case JobStatus.Running:
                PauseRequested = true;
                break;
            default:
                throw new IllegalJobTransitionException(Id, Status, "be paused");
        }
    }

    /// <summary>A client resumes a paused job: it waits for a worker again.</summary>
    public void Resume()
    {
        if (Status != JobStatus.Paused) throw new IllegalJobTransitionException(Id, Status, "be resumed");
        Status = JobStatus.Queued;
        PauseRequested = false;
        ReleaseLease();
    }

    /// <summary>The worker stopped at a checkpoint because a client paused the job.</summary>
    public void HoldPaused()
    {
        RequireRunning("be held");
        Status = JobStatus.Paused;
        PauseRequested = false;
        ProgressEpoch = LeaseEpoch;
        ReleaseLease();
    }

    /// <summary>The worker hands the job over: it waits for the next one.</summary>
    public void HandOver()
    {
        RequireRunning("be handed over");
        Status = JobStatus.Queued;
        ProgressEpoch = LeaseEpoch;
        ReleaseLease();
    }

    /// <summary>An error that may pass by itself: the job waits for another attempt, and this one counts as without progress.</summary>
    /// <param name="notBefore">Nobody may claim it until then, UTC.</param>
    public void RetryLater(DateTime notBefore)
    {
        RequireRunning("be tried again");
        Status = JobStatus.Queued;
        (LeaseOwner, LeaseExpiresAt) = (null, notBefore);
    }

    /// <summary>The adapter is stored.</summary>
    public void Succeed(string fineTunedModel, string adapterKey, IEnumerable<string> resultFiles, DateTime now)
    {
        RequireRunning("succeed");
        FineTunedModel = fineTunedModel;
        AdapterKey = adapterKey;
        ResultFiles = [.. resultFiles];
        End(JobStatus.Succeeded, now);
    }

    /// <summary>The tuned model was deleted: its name stays the job's, but there is no adapter any more.</summary>
    /// <param name="resultFileId">Id of the result file that was the adapter's copy.</param>
    public void ForgetAdapter(string resultFileId)
    {
        if (Status != JobStatus.Succeeded) throw new IllegalJobTransitionException(Id, Status, "lose its model");
        AdapterKey = null;
        ResultFiles = [.. ResultFiles.Where(id => id != resultFileId)];
    }

    /// <summary>An error that trying again would not mend.</summary>
    public void Fail(string code, string message, string? param, DateTime now)
    {
        if (IsFinal) throw new IllegalJobTransitionException(Id, Status, "fail");
        (ErrorCode, ErrorMessage, ErrorParam) = (code, StoredText.Of(message), param);
        End(JobStatus.Failed, now);
    }

    /// <summary>The worker stopped because a client cancelled the job.</summary>
    public void EndCancelled(DateTime now)
    {
        RequireRunning("be cancelled");
        End(JobStatus.Cancelled, now);
    }

    private void End(JobStatus status, DateTime now)
    {
        Status = status;
        FinishedAt = now;
        EstimatedFinish = null;
        ReleaseLease();
    }

    private void ReleaseLease() => (LeaseOwner, LeaseExpiresAt) = (null, null);

    private void RequireRunning(string verb)
    {
        if (Status != JobStatus.Running) throw new IllegalJobTransitionException(Id, Status, verb);
    }
}
