using TrainingService.Domain.Jobs;

namespace TrainingService.Domain.Tests.Jobs;

public sealed class StableIdsTests
{
    [Fact]
    public void SameOccasion_HasTheSameIdEverywhere()
    {
        // Recorded ids: rows of running jobs carry them, so they may not change between releases.
        Assert.Equal("ftevent-c4645af7985ee203873c6732", StableIds.Event("ftjob-1", "step-10-train"));
        Assert.Equal("ftckpt_053f4021958dcb88d816b982", StableIds.Checkpoint("ftjob-1", 10));
        Assert.Equal("file-ea2978ebd0609af62ee25d30", StableIds.ResultFile("ftjob-1", "adapter"));
    }

    [Fact]
    public void DifferentThings_HaveDifferentIds()
    {
        string[] digests = new[]
        {
            StableIds.Event("ftjob-1", "10"), StableIds.Event("ftjob-1", "11"), StableIds.Event("ftjob-2", "10"),
            StableIds.Checkpoint("ftjob-1", 10), StableIds.Checkpoint("ftjob-1", 11), StableIds.Checkpoint("ftjob-11", 0),
            StableIds.ResultFile("ftjob-1", "10"), StableIds.ResultFile("ftjob-2", "10"),
        }.Select(id => id[^24..]).ToArray();
        Assert.Distinct(digests);
    }
}
