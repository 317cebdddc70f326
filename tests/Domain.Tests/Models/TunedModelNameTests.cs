using TrainingService.Domain.Models;

namespace TrainingService.Domain.Tests.Models;

public sealed class TunedModelNameTests
{
    [Theory]
    [InlineData("demo-model", "tone", "ftjob-abc", "ft:demo-model:local:tone:abc")]
    [InlineData("demo-model", null, "ftjob-abc", "ft:demo-model:local::abc")]
    [InlineData("meta/llama-3.2-1b", "x", "ftjob-a-b", "ft:meta/llama-3.2-1b:local:x:a-b")]
    [InlineData("demo-model", null, "abc", "ft:demo-model:local::abc")]
    public void Name_HasBaseOrganizationSuffixAndJob(string model, string? suffix, string jobId, string expected) =>
        Assert.Equal(expected, TunedModelName.Of(model, suffix, jobId));

    [Fact]
    public void TunedModelTunedAgain_IsNamedAfterItsBase()
    {
        string first = TunedModelName.Of("demo-model", "tone", "ftjob-1");
        Assert.Equal("ft:demo-model:local:shorter:2", TunedModelName.Of(first, "shorter", "ftjob-2"));
        Assert.Equal("ft:demo-model:local::3", TunedModelName.Of(TunedModelName.Checkpoint(first, 90), null, "ftjob-3"));
    }

    [Fact]
    public void Checkpoint_AddsItsStep() => Assert.Equal("ft:demo-model:local::1:ckpt-step-90", TunedModelName.Checkpoint("ft:demo-model:local::1", 90));

    [Fact]
    public void Job_IsReadFromTheNameOfModelAndCheckpoint()
    {
        string tuned = TunedModelName.Of("meta/llama-3.2-1b", "a:ckpt-step-b", "ftjob-abc");
        Assert.Equal("ftjob-abc", TunedModelName.JobOf(tuned));
        Assert.Equal("ftjob-abc", TunedModelName.JobOf(TunedModelName.Checkpoint(tuned, 90)));
    }
}
