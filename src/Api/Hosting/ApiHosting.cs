using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Api.FineTuning;
using TrainingService.Api.Inference;
using TrainingService.Api.Models;
using TrainingService.Api.Swagger;
using TrainingService.Storage.Hosting;

namespace TrainingService.Api.Hosting;

/// <summary>Adds the REST API to a host.</summary>
public static class ApiHosting
{
    /// <summary>Adds the API's services; the host adds storage itself.</summary>
    public static WebApplicationBuilder AddApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ApiOptions>().BindConfiguration("Api").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<FileUpload>();
        builder.Services.AddSingleton<JobQueueing>();
        builder.Services.AddSingleton<EventStream>();
        builder.Services.AddInferenceForwarding();
        builder.Services.AddSwagger();
        builder.Services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            // Answers are JSON, never HTML: messages stay readable.
            json.SerializerOptions.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        });
        // Values that cannot be bound become exceptions in every environment, so that the answer can name them.
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        // Every poll of an event stream would otherwise be a line of SQL in the log.
        builder.Logging.AddFilter("Microsoft.EntityFrameworkCore.Database.Command", LogLevel.Warning);
        return builder;
    }

    /// <summary>Maps the API, its health and its description.</summary>
    public static WebApplication MapApi(this WebApplication app)
    {
        app.UseRequestIds();
        app.UseApiErrors();
        app.UseSwaggerPages();
        // Routing comes after the error pages, which then also see requests that match nothing.
        app.UseRouting();

        RouteGroupBuilder v1 = app.MapGroup("/v1");
        v1.MapFiles();
        v1.MapJobs();
        v1.MapModels();
        v1.MapInferenceForwarding();

        app.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(StorageHosting.ReadyTag) });
        app.MapGet("/", () => TypedResults.Redirect("/swagger")).ExcludeFromDescription();
        return app;
    }
}
