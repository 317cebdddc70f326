using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Tests.Jobs;

/// <summary>Jobs of every method, and rows that are set aside for evaluation.</summary>
public sealed class MethodJobTests(PostgresServer server)
{
    private static readonly TrainingRecipe s_short = DemoJobs.Recipe with { MaxSteps = 4, EvalStrategy = IntervalStrategy.Epoch, SaveStrategy = IntervalStrategy.No };

    public static TheoryData<TrainingMethod> Methods => [.. Enum.GetValues<TrainingMethod>()];

    [Theory]
    [MemberData(nameof(Methods))]
    public async Task SamplePairs_TrainByEveryMethod_WithARowSetAside(TrainingMethod method)
    {
        await using TestStorage storage = await TestStorage.StartAsync(server, StorageProvider.Sqlite, builder => builder.Services.AddJobRunner());
        string id = await DemoJobs.AddAsync(storage, "ftjob-1", s_short with { Method = method, ValidationSplit = 0.2, LoadBestModelAtEnd = true }, validation: null);
        await storage.Get<IJobRunner>().RunAsync(id, CancellationToken.None);

        FineTuningJob job = await DemoJobs.ReadAsync(storage, id);
        Assert.True(job.Status == JobStatus.Succeeded, job.ErrorMessage);
        await using TrainingDbContext db = storage.CreateContext();
        JobMetric evaluated = await db.Metrics.SingleAsync(m => m.Split == MetricSplit.Eval);
        // KTO has a margin where a micro-batch holds thumbs of both kinds.
        Assert.Superset(MetricNames.Evaluated(method).Except(method == TrainingMethod.Kto ? [MetricNames.RewardsMargins] : []).ToHashSet(), evaluated.Values.Keys.ToHashSet());
        Assert.Contains(await db.Events.Select(e => e.Message).ToListAsync(), m => m.Contains("are set aside for evaluation; no prompt is on both sides", StringComparison.Ordinal));
    }
}
