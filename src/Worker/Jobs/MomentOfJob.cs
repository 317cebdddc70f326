namespace TrainingService.Worker.Jobs;

/// <summary>
/// A clock that stands at a job's creation. Some chat templates print today's date: a job taken over after midnight must
/// still prepare the tokens that its training state was made with.
/// </summary>
internal sealed class MomentOfJob(DateTime createdAt) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => new(createdAt, TimeSpan.Zero);

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;
}
