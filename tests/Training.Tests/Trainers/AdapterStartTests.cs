using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Trainers;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>Training on from an adapter that an earlier job wrote.</summary>
public class AdapterStartTests
{
    public static TheoryData<string, LoraRecipe> Adapters => new()
    {
        { "DoRA", new() { UseDora = true } },
        { "embedding and head", new() { ModulesToSave = ["embed_tokens", "lm_head"] } },
        { "PiSSA", new() { Rank = 4, Initialization = LoraInitialization.Pissa } },
        { "regular expression", new() { TargetPattern = @".*\.1\.self_attn\.[qk]_proj" } },
    };

    [Theory]
    [MemberData(nameof(Adapters))]
    public void AdapterOfAnEarlierJob_IsStartAndReference(string name, LoraRecipe lora)
    {
        Assert.NotEmpty(name);
        using var folder = new TemporaryFolder();
        TrainerRun run = GoldenRunTests.RunOf("loss_sigmoid", Golden.Json(Golden.Path("training", "loss_sigmoid", "run.json")), folder.Path);
        string first = Path.Combine(folder.Path, "first");
        TrainerRun fresh = run with { AdapterFolder = null, Recipe = run.Recipe with { Lora = lora } };
        double loss = Train(fresh, first);
        // A fresh adapter is the reference: ln 2.
        Assert.Equal(Math.Log(2), loss, 1e-5);

        double initial = Train(run with { AdapterFolder = first, Recipe = run.Recipe with { Reference = ReferencePolicy.Initial } }, Path.Combine(folder.Path, "second"));
        double against = Train(run with { AdapterFolder = first, Recipe = run.Recipe with { Reference = ReferencePolicy.Base } }, Path.Combine(folder.Path, "third"));

        Assert.Equal(Math.Log(2), initial, 1e-5);
        // Four steps made the chosen answers likelier than the base has them.
        Assert.InRange(against, 0, Math.Log(2) - 1e-3);
    }

    private static double Train(TrainerRun run, string adapterFolder)
    {
        using var trainer = new Trainer(run, TimeProvider.System);
        var observer = new RecordingObserver();
        Assert.Equal(TrainingOutcome.Completed, trainer.Run(observer));
        trainer.SaveAdapter(adapterFolder);
        return observer.Metrics[0].Values[MetricNames.Loss];
    }
}
