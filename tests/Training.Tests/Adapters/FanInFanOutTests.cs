using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Generation;
using TrainingService.Training.Models;

namespace TrainingService.Training.Tests.Adapters;

public class FanInFanOutTests
{
    [Theory]
    [InlineData("gpt2", true)]
    [InlineData("gpt_neox", false)]
    public void Adapter_SaysHowItsModelStoresWeights_AndIsReadAgain(string family, bool expected)
    {
        using var folder = new TemporaryFolder();
        using (CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32))
        using (var adapter = new LoraAdapter(new() { Rank = 2, TargetModules = ["all-linear"] }, model.Adaptable, trains: false))
        {
            adapter.Initialize(1);
            PeftFiles.Write(adapter, folder.Path, "base");
        }
        Assert.Equal(expected, Golden.Json(Path.Combine(folder.Path, PeftFiles.ConfigFile)).GetProperty("fan_in_fan_out").GetBoolean());

        // A fresh adapter adds nothing.
        using GenerationModel plain = GenerationModel.Load(Golden.Path("families", family), null, ComputeType.Float32);
        using GenerationModel adapted = GenerationModel.Load(Golden.Path("families", family), folder.Path, ComputeType.Float32);
        Assert.Equal(plain.Score([3, 5, 8, 13]), adapted.Score([3, 5, 8, 13]));
    }
}
