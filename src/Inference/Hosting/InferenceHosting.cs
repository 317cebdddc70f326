using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TrainingService.Inference.Chat;
using TrainingService.Inference.Completions;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Errors;
using TrainingService.Inference.Exports;
using TrainingService.Inference.Models;
using TrainingService.Storage.Keys;
using TrainingService.Training.Native;

namespace TrainingService.Inference.Hosting;

/// <summary>Adds chat, completions and exports to a host.</summary>
public static class InferenceHosting
{
    /// <summary>Adds what answers with models; the host adds storage itself.</summary>
    public static TBuilder AddInference<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        TorchRuntime.Initialize();
        IServiceCollection services = builder.Services;
        services.AddOptions<InferenceOptions>().BindConfiguration(InferenceOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddKeys();
        services.AddMetrics();
        services.AddSingleton<DecodingMetrics>();
        services.AddSingleton<ModelLoader>();
        services.AddSingleton<ModelPool>();
        services.AddSingleton<ModelExporter>();
        return builder;
    }

    /// <summary>
    /// Maps <c>POST /v1/chat/completions</c>, <c>POST /v1/completions</c> and <c>GET /v1/exports</c>. The API's own endpoints of these paths, which
    /// forward to a worker, give way where both run in one process; their description serves for both.
    /// </summary>
    public static IEndpointRouteBuilder MapInference(this IEndpointRouteBuilder endpoints)
    {
        RouteGroupBuilder v1 = endpoints.MapGroup("/v1")
            .AddEndpointFilter<RouteGroupBuilder, RequestErrors>()
            .RequireAuthorization(KeyHosting.ApiPolicy)
            .WithMetadata(new LargestBody())
            .ExcludeFromDescription();
        v1.MapChat();
        v1.MapCompletions();
        v1.MapExports();
        return endpoints;
    }

    private sealed class LargestBody : IRequestSizeLimitMetadata
    {
        // Far above any context: the longest prompts hold some megabytes of text.
        public long? MaxRequestBodySize => 16L << 20;
    }
}
