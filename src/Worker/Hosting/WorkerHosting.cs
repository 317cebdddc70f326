using Hangfire;
using Microsoft.Extensions.Options;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Hosting;
using TrainingService.Training.Native;
using TrainingService.Worker.Jobs;

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
        services.AddHangfireServer((provider, server) =>
        {
            WorkerOptions options = provider.GetRequiredService<IOptions<WorkerOptions>>().Value;
            server.WorkerCount = options.Concurrency;
            server.ShutdownTimeout = options.ShutdownTimeout;
        });
        services.AddOptions<HostOptions>().Configure<IOptions<WorkerOptions>>((host, worker) =>
            // The host must not give up before the queue's server does.
            host.ShutdownTimeout = worker.Value.ShutdownTimeout + TimeSpan.FromSeconds(10));
        return builder;
    }

    internal static IServiceCollection AddJobRunner(this IServiceCollection services) => services
        .AddTransient<IJobRunner, JobRunner>()
        .AddTransient<TrainingRun>()
        .AddTransient<RunPlanner>()
        .AddTransient<RunResults>();

    /// <summary>Maps the worker's health.</summary>
    public static WebApplication MapWorker(this WebApplication app)
    {
        app.MapGroup("").AllowAnonymous().MapHealth();
        return app;
    }
}
