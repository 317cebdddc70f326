using System.Reflection;
using TrainingService.Domain.Jobs;

namespace TrainingService.Domain.Tests.Jobs;

/// <summary>All moves of a job: each status with each verb.</summary>
public sealed class FineTuningJobTests
{
    private static readonly DateTime s_created = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly DateTime s_now = new(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc);

    private static readonly Dictionary<string, Action<FineTuningJob>> s_verbs = new()
    {
        ["Cancel"] = job => job.Cancel(s_now),
        ["Pause"] = job => job.Pause(),
        ["Resume"] = job => job.Resume(),
        ["HoldPaused"] = job => job.HoldPaused(),
        ["HandOver"] = job => job.HandOver(),
        ["RetryLater"] = job => job.RetryLater(s_now),
        ["Succeed"] = job => job.Succeed("ft:demo:local::1", "adapters/1", ["file-1"], s_now),
        ["Fail"] = job => job.Fail("out_of_memory", "The batch does not fit.", "batch_size", s_now),
        ["EndCancelled"] = job => job.EndCancelled(s_now),
    };

    // Where each verb leads from Queued, Running, Paused; nothing leads away from the ends.
    private static readonly (string Verb, JobStatus?[] To)[] s_table =
    [
        ("Cancel", [JobStatus.Cancelled, JobStatus.Running, JobStatus.Cancelled]),
        ("Pause", [JobStatus.Paused, JobStatus.Running, null]),
        ("Resume", [null, null, JobStatus.Queued]),
        ("HoldPaused", [null, JobStatus.Paused, null]),
        ("HandOver", [null, JobStatus.Queued, null]),
        ("RetryLater", [null, JobStatus.Queued, null]),
        ("Succeed", [null, JobStatus.Succeeded, null]),
        ("Fail", [JobStatus.Failed, JobStatus.Failed, JobStatus.Failed]),
        ("EndCancelled", [null, JobStatus.Cancelled, null]),
    ];

    public static TheoryData<JobStatus, string, JobStatus?> Moves =>
        [.. from row in s_table from status in Enum.GetValues<JobStatus>() select (status, row.Verb, row.To.ElementAtOrDefault((int)status))];

    [Fact]
    public void Table_NamesEveryVerb()
    {
        IEnumerable<string> verbs = typeof(FineTuningJob).GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(m => !m.IsSpecialName).Select(m => m.Name).Except([nameof(FineTuningJob.GiveTo), nameof(FineTuningJob.ForgetAdapter)]); // move nothing
        Assert.Equal(verbs.Order(), s_table.Select(r => r.Verb).Order());
    }

    [Fact]
    public void DeletedModel_LeavesItsNameAndTheOtherResults()
    {
        FineTuningJob job = Job(JobStatus.Running);
        Assert.Throws<IllegalJobTransitionException>(() => job.ForgetAdapter("file-1"));
        job.Succeed("ft:demo:local::1", "adapters/1", ["file-1", "file-2"], s_now);
        job.ForgetAdapter("file-1");
        Assert.Null(job.AdapterKey);
        Assert.Equal("ft:demo:local::1", job.FineTunedModel);
        Assert.Equal(["file-2"], job.ResultFiles);
    }

    [Theory]
    [MemberData(nameof(Moves))]
    public void Verb_MovesAlongTheTableOrThrows(JobStatus from, string verb, JobStatus? to)
    {
        FineTuningJob job = Job(from);
        if (to is null)
        {
            IllegalJobTransitionException refused = Assert.Throws<IllegalJobTransitionException>(() => s_verbs[verb](job));
            Assert.Equal(from, refused.From);
            Assert.StartsWith($"Job ftjob-1 is {from}; it cannot ", refused.Message, StringComparison.Ordinal);
            Assert.Equal(from, job.Status);
            Assert.Equal((false, false), (job.CancelRequested, job.PauseRequested));
            return;
        }

        s_verbs[verb](job);

        Assert.Equal(to, job.Status);
        Assert.Equal(to is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled, job.IsFinal);
        Assert.Equal(job.IsFinal ? s_now : null, job.FinishedAt);
        // Who stops running lets go of the job at once; who only asks leaves the lease alone. What is tried again later is nobody's until then.
        Assert.Equal(to == JobStatus.Running ? "worker" : null, job.LeaseOwner);
        Assert.Equal(to == JobStatus.Running || verb == "RetryLater", job.LeaseExpiresAt is not null);
    }

    [Fact]
    public void NewJob_IsQueuedAndKeepsWhatItWasGiven()
    {
        var metadata = new Dictionary<string, string> { ["team"] = "a" };
        var job = new FineTuningJob("ftjob-1", "demo", "file-1", "file-2", "{}", 7, "tone", metadata, s_created);
        metadata["team"] = "b";

        Assert.Equal(JobStatus.Queued, job.Status);
        Assert.Equal(("ftjob-1", "demo", "file-1", "file-2", "{}", 7, "tone", s_created),
            (job.Id, job.Model, job.TrainingFileId, job.ValidationFileId, job.Recipe, job.Seed, job.Suffix, job.CreatedAt));
        Assert.Equal("a", job.Metadata!["team"]);
        Assert.False(job.IsFinal);
        Assert.Empty(job.ResultFiles);
        Assert.Equal(0, job.AttemptsWithoutProgress);
    }

    [Fact]
    public void CancelOfARunningJob_IsAWishUntilTheWorkerEndsIt()
    {
        FineTuningJob job = Job(JobStatus.Running);
        job.Cancel(s_now);
        Assert.True(job.CancelRequested);
        Assert.Null(job.FinishedAt);

        job.EndCancelled(s_now);
        Assert.Equal((JobStatus.Cancelled, s_now), (job.Status, job.FinishedAt));
    }

    [Fact]
    public void PauseAndResume_LeaveNoWishBehind()
    {
        FineTuningJob job = Job(JobStatus.Running);
        job.Pause();
        Assert.True(job.PauseRequested);

        job.HoldPaused();
        Assert.False(job.PauseRequested);

        job.Resume();
        Assert.Equal((JobStatus.Queued, false), (job.Status, job.PauseRequested));
    }

    [Fact]
    public void PauseWish_OutlivesAHandOverAndEndsWithResume()
    {
        FineTuningJob job = Job(JobStatus.Running);
        job.Pause();
        job.HandOver();
        Assert.True(job.PauseRequested);

        job.Pause();
        job.Resume();
        Assert.False(job.PauseRequested);
    }

    [Fact]
    public void Success_RecordsModelAdapterAndFiles()
    {
        FineTuningJob job = Job(JobStatus.Running);
        Set(job, nameof(job.EstimatedFinish), s_now.AddHours(1));
        job.Succeed("ft:demo:local::1", "adapters/1", ["file-1", "file-2"], s_now);

        Assert.Equal(("ft:demo:local::1", "adapters/1", null), (job.FineTunedModel, job.AdapterKey, job.EstimatedFinish));
        Assert.Equal(["file-1", "file-2"], job.ResultFiles);
    }

    [Fact]
    public void Failure_RecordsItsReason()
    {
        FineTuningJob job = Job(JobStatus.Running);
        job.Fail("out_of_memory", "The batch does not fit.", "batch_size", s_now);
        Assert.Equal(("out_of_memory", "The batch does not fit.", "batch_size"), (job.ErrorCode, job.ErrorMessage, job.ErrorParam));
    }

    [Fact]
    public void WhatCannotBeStored_IsReplacedInErrorsAndEvents()
    {
        FineTuningJob job = Job(JobStatus.Running);
        job.Fail("invalid_training_file", "The role is 'a\0b\ud800c\U0001F600'.", "training_file", s_now);
        Assert.Equal("The role is 'a\uFFFDb\uFFFDc\U0001F600'.", job.ErrorMessage);
        Assert.Equal("a\uFFFD", new JobEvent("ftevent-1", job.Id, "error", "message", "a\0", null, s_now).Message);
    }

    [Fact]
    public void JobThatIsTriedAgainLater_MayBePausedAndResumedBefore()
    {
        FineTuningJob job = Job(JobStatus.Running);
        job.RetryLater(s_now);
        Assert.Equal(s_now, job.LeaseExpiresAt);
        job.Pause();
        job.Resume();
        Assert.Null(job.LeaseExpiresAt);
    }

    [Fact]
    public void AttemptsWithoutProgress_CountClaimsSinceTheLastProgress()
    {
        FineTuningJob job = Job(JobStatus.Queued);
        Claim(job);
        Claim(job); // the first worker crashed
        Assert.Equal(2, job.AttemptsWithoutProgress);

        job.RetryLater(s_now);
        Assert.Equal(2, job.AttemptsWithoutProgress);

        Claim(job);
        Assert.Equal(3, job.AttemptsWithoutProgress);

        job.HandOver();
        Assert.Equal(0, job.AttemptsWithoutProgress);

        Claim(job);
        Assert.Equal(1, job.AttemptsWithoutProgress);

        job.HoldPaused();
        Assert.Equal(0, job.AttemptsWithoutProgress);
    }

    private static FineTuningJob Job(JobStatus status)
    {
        var job = new FineTuningJob("ftjob-1", "demo", "file-1", null, "{}", 42, null, null, s_created);
        if (status == JobStatus.Running) Claim(job);
        Set(job, nameof(job.Status), status);
        return job;
    }

    /// <summary>What a claim writes: the worker does it by one conditional UPDATE, so there is no verb for it.</summary>
    private static void Claim(FineTuningJob job)
    {
        Set(job, nameof(job.Status), JobStatus.Running);
        Set(job, nameof(job.LeaseOwner), "worker");
        Set(job, nameof(job.LeaseExpiresAt), s_now.AddMinutes(1));
        Set(job, nameof(job.LeaseEpoch), job.LeaseEpoch + 1);
    }

    private static void Set(FineTuningJob job, string property, object value) => typeof(FineTuningJob).GetProperty(property)!.SetValue(job, value);
}
