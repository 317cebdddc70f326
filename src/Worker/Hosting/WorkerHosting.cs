using Hangfire;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Jobs;
using TrainingService.Domain.Models;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Queue;
using TrainingService.Training.Native;
using TrainingService.Worker.Downloads;
using TrainingService.Worker.Jobs;
using TrainingService.Worker.Results;

namespace TrainingService.Worker.Hosting;

/// <summary>Adds what trains jobs to a host.</summary>
public static class WorkerHosting
{
    /// <summary>Adds the runner of jobs, the server of the queue and the sweeper; the host adds storage itself, before.</summary>
    public static TBuilder AddWorker<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        TorchRuntime.Initialize();
        IServiceCollection services = builder.Services;
        services.AddOptions<WorkerOptions>().BindConfiguration(WorkerOptions.Section).ValidateDataAnnotations()
            // A stopping server sends no heartbeats: another worker would get a job that is still being saved here.
            .Validate<IOptions<StorageOptions>>((worker, storage) => storage.Value.QueueInvisibilityTimeout > worker.ShutdownTimeout,
                "Storage:QueueInvisibilityTimeout must be longer than Worker:ShutdownTimeout.")
            .ValidateOnStart();
        services.AddJobRunner();
        services.AddHostedService<JobSweeper>();
        services.AddQueueServer(QueueNames.Jobs, options => options.Concurrency);
        // One model at a time: it takes the whole line as it is.
        services.AddTransient<IModelDownloader, ModelDownloader>();
        services.AddQueueServer(QueueNames.Downloads, _ => 1);
        services.AddOptions<HostOptions>().Configure<IOptions<WorkerOptions>>((host, worker) =>
            // The host must not give up before the queue's server does.
            host.ShutdownTimeout = worker.Value.ShutdownTimeout + TimeSpan.FromSeconds(10));
        return builder;
    }

    private static void AddQueueServer(this IServiceCollection services, string queue, Func<WorkerOptions, int> workers) => services.AddHangfireServer((provider, server) =>
    {
        WorkerOptions options = provider.GetRequiredService<IOptions<WorkerOptions>>().Value;
        server.Queues = [queue];
        server.WorkerCount = workers(options);
        server.ShutdownTimeout = options.ShutdownTimeout;
    });

    internal static IServiceCollection AddJobRunner(this IServiceCollection services) => services
        .AddTransient<IJobRunner, JobRunner>()
        .AddTransient<TrainingRun>()
        .AddTransient<RunPlanner>()
        .AddSingleton<FileDigests>()
        .AddTransient<IngredientHashes>()
        .AddTransient<RunResults>();

    /// <summary>Maps the worker's health.</summary>
    public static WebApplication MapWorker(this WebApplication app)
    {
        app.MapGroup("").AllowAnonymous().MapHealth();
        return app;
    }
}
