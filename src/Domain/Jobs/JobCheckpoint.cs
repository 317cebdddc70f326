namespace TrainingService.Domain.Jobs;

/// <summary>The adapter of a job after some of its steps.</summary>
public sealed class JobCheckpoint
{
    private JobCheckpoint() { }

    /// <summary>A stored checkpoint.</summary>
    /// <param name="id">Id, <c>ftckpt_…</c>; the same job and step always give the same id.</param>
    /// <param name="jobId">The job.</param>
    /// <param name="step">Optimiser steps taken.</param>
    /// <param name="modelName">Name of the model that base and checkpoint make, <c>ft:…:ckpt-step-N</c>.</param>
    /// <param name="adapterKey">Key of the adapter's zip in the file store.</param>
    /// <param name="metrics">JSON object with the newest metrics.</param>
    /// <param name="now">Moment, UTC.</param>
    public JobCheckpoint(string id, string jobId, int step, string modelName, string adapterKey, string metrics, DateTime now)
    {
        Id = id;
        JobId = jobId;
        Step = step;
        ModelName = modelName;
        AdapterKey = adapterKey;
        Metrics = metrics;
        CreatedAt = now;
    }

    /// <summary>Id, <c>ftckpt_…</c>.</summary>
    public string Id { get; private set; } = null!;

    /// <summary>The job.</summary>
    public string JobId { get; private set; } = null!;

    /// <summary>Optimiser steps taken.</summary>
    public int Step { get; private set; }

    /// <summary>Name of the model that base and checkpoint make.</summary>
    public string ModelName { get; private set; } = null!;

    /// <summary>Key of the adapter's zip in the file store.</summary>
    public string AdapterKey { get; private set; } = null!;

    /// <summary>JSON object with the newest metrics.</summary>
    public string Metrics { get; private set; } = null!;

    /// <summary>Moment, UTC.</summary>
    public DateTime CreatedAt { get; private set; }
}
