using TrainingService.Domain.Files;

namespace TrainingService.Domain.Tests.Files;

public sealed class FilePurposeTests
{
    [Fact]
    public void Purposes_AreThoseTheOfficialSdksRead() => Assert.Equal(
        ["assistants", "assistants_output", "batch", "batch_output", "fine-tune", "fine-tune-results", "vision", "user_data", "evals"], FilePurpose.All);
}
