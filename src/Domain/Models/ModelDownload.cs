using System.Linq.Expressions;
using TrainingService.Domain.Keys;
using TrainingService.Domain.Recipes;

namespace TrainingService.Domain.Models;

/// <summary>
/// A model's way from the Hub into the models folder. There is one row for each model, so that whoever holds its lease with
/// the current <see cref="LeaseEpoch"/> is the only one who writes the model's files.
/// </summary>
public sealed class ModelDownload : IOwned
{
    private ModelDownload() { }

    /// <summary>A queued download.</summary>
    /// <param name="model">The model's id on the Hub and here, <c>owner/name</c>.</param>
    /// <param name="revision">The branch, tag or commit that was asked for.</param>
    /// <param name="commit">The commit that the revision was, which is what is fetched.</param>
    /// <param name="bytesTotal">Length of the needed files.</param>
    /// <param name="owner">Who asked for it; null when the service asked for no key.</param>
    /// <param name="now">Moment of creation, UTC.</param>
    public ModelDownload(string model, string revision, string commit, long bytesTotal, string? owner, DateTime now)
    {
        Model = model;
        Queue(revision, commit, bytesTotal, owner, now);
    }

    /// <summary>The model's id on the Hub and here, <c>owner/name</c>.</summary>
    public string Model { get; private set; } = null!;

    /// <summary>The branch, tag or commit that was asked for.</summary>
    public string Revision { get; private set; } = null!;

    /// <summary>The commit that is fetched.</summary>
    public string Commit { get; private set; } = null!;

    /// <summary>Where it stands.</summary>
    public ModelDownloadStatus Status { get; private set; }

    /// <summary>Bytes that have arrived.</summary>
    public long BytesDone { get; private set; }

    /// <summary>Bytes in all.</summary>
    public long BytesTotal { get; private set; }

    /// <summary>Why it failed, for programs.</summary>
    public string? ErrorCode { get; private set; }

    /// <summary>Why it failed, in words.</summary>
    public string? ErrorMessage { get; private set; }

    /// <summary>Who asked for it; null when the service asked for no key.</summary>
    public string? OwnerId { get; private set; }

    /// <summary>Moment it was asked for, UTC.</summary>
    public DateTime CreatedAt { get; private set; }

    /// <summary>Moment it ended, UTC.</summary>
    public DateTime? FinishedAt { get; private set; }

    /// <summary>Whether its end was asked for: a worker, who may have files of it open, deletes them.</summary>
    public bool CancelRequested { get; private set; }

    /// <summary>The worker that holds it.</summary>
    public string? LeaseOwner { get; private set; }

    /// <summary>Moment until which it is its holder's, UTC.</summary>
    public DateTime? LeaseExpiresAt { get; private set; }

    /// <summary>Number of the present claim.</summary>
    public int LeaseEpoch { get; private set; }

    /// <summary>Whether it waits or runs.</summary>
    public bool IsUnderWay => Status is ModelDownloadStatus.Queued or ModelDownloadStatus.Running;

    /// <summary>Whether a worker is about to delete what has arrived.</summary>
    public bool IsBeingDeleted => CancelRequested && IsUnderWay;

    /// <summary><see cref="IsBeingDeleted"/>, for the database.</summary>
    public static Expression<Func<ModelDownload, bool>> BeingDeleted { get; } =
        d => d.CancelRequested && (d.Status == ModelDownloadStatus.Queued || d.Status == ModelDownloadStatus.Running);

    /// <summary>Asks again for a model whose download has ended, perhaps for another revision of it.</summary>
    public void Restart(string revision, string commit, long bytesTotal, string? owner, DateTime now)
    {
        Require(!IsUnderWay, "be started again");
        Queue(revision, commit, bytesTotal, owner, now);
    }

    /// <summary>Gives it up: what has arrived is deleted, also after a failure, and also the whole model.</summary>
    public void Cancel()
    {
        CancelRequested = true;
        if (!IsUnderWay) Status = ModelDownloadStatus.Queued;
    }

    /// <summary>The model is in the models folder.</summary>
    public void Succeed(DateTime now)
    {
        End(ModelDownloadStatus.Succeeded, now);
        BytesDone = BytesTotal;
    }

    /// <summary>It cannot be had.</summary>
    public void Fail(string code, string message, DateTime now)
    {
        End(ModelDownloadStatus.Failed, now);
        (ErrorCode, ErrorMessage) = (code, message);
    }

    /// <summary>Its files are deleted, as was asked.</summary>
    public void EndCancelled(DateTime now)
    {
        End(ModelDownloadStatus.Cancelled, now);
        BytesDone = 0;
    }

    /// <summary>Its worker stops: the next one goes on.</summary>
    public void HandOver()
    {
        Require(Status == ModelDownloadStatus.Running, "be handed over");
        (Status, LeaseOwner, LeaseExpiresAt) = (ModelDownloadStatus.Queued, null, null);
    }

    private void Queue(string revision, string commit, long bytesTotal, string? owner, DateTime now)
    {
        if (commit != Commit) BytesDone = 0;
        (Revision, Commit, BytesTotal, OwnerId, CreatedAt) = (revision, commit, bytesTotal, owner, now);
        (Status, FinishedAt, ErrorCode, ErrorMessage, CancelRequested) = (ModelDownloadStatus.Queued, null, null, null, false);
    }

    private void End(ModelDownloadStatus status, DateTime now)
    {
        Require(Status == ModelDownloadStatus.Running, $"become {WireNames.Of(status)}");
        (Status, FinishedAt, LeaseOwner, LeaseExpiresAt) = (status, now, null, null);
    }

    private void Require(bool legal, string verb)
    {
        if (!legal) throw new InvalidOperationException($"The download of {Model} is {WireNames.Of(Status)}; it cannot {verb}.");
    }
}
