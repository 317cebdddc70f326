using System.Text.Encodings.Web;
using System.Text.Json;
using TrainingService.Api.Dashboard;
using TrainingService.Api.Errors;
using TrainingService.Api.Files;
using TrainingService.Api.FineTuning;
using TrainingService.Api.FineTuning.Validation;
using TrainingService.Api.Inference;
using TrainingService.Api.Keys;
using TrainingService.Api.Models;
using TrainingService.Api.RateLimits;
using TrainingService.Api.Repeats;
using TrainingService.Api.Swagger;
using TrainingService.Api.Uploads;
using TrainingService.Api.Webhooks;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;

namespace TrainingService.Api.Hosting;

/// <summary>Adds the REST API to a host.</summary>
public static class ApiHosting
{
    /// <summary>Adds the API's services; the host adds storage itself.</summary>
    public static WebApplicationBuilder AddApi(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ApiOptions>().BindConfiguration("Api").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddKeys();
        builder.Services.AddDashboard();
        builder.Services.AddRateLimits();
        builder.Services.AddScoped<RepeatableWork>();
        builder.Services.AddHostedService<IdempotencySweeper>();
        builder.Services.AddSingleton<FileIntake>();
        builder.Services.AddSingleton<UnsavedBytes>();
        builder.Services.AddSingleton<FileUpload>();
        builder.Services.AddScoped<PartIntake>();
        builder.Services.AddScoped<UploadCompletion>();
        builder.Services.AddSingleton<JobQueueing>();
        builder.Services.AddScoped<JobRequests>();
        builder.Services.AddScoped<FileFit>();
        builder.Services.AddSingleton<FileExaminer>();
        builder.Services.AddScoped<RunEstimator>();
        builder.Services.AddSingleton<SseFeed>();
        builder.Services.AddSingleton<EventStream>();
        builder.Services.AddScoped<ModelDescriptions>();
        builder.Services.AddSingleton<ProgressStream>();
        builder.Services.AddOptions<WebhookOptions>().BindConfiguration(WebhookOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<WebhookRules>();
        builder.Services.AddSingleton<WebhookClient>();
        builder.Services.AddHostedService<WebhookSender>();
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
        app.UseAuthentication();
        app.UseRateLimits();
        app.UseAuthorization();
        app.UseMiddleware<Idempotency>();

        RouteGroupBuilder v1 = app.MapGroup("/v1").RequireAuthorization(KeyHosting.ApiPolicy);
        v1.MapKeys();
        v1.MapFiles();
        v1.MapUploads();
        v1.MapJobs();
        v1.MapModels();
        v1.MapWebhooks();
        v1.MapInferenceForwarding();

        app.MapDashboard();

        RouteGroupBuilder open = app.MapGroup("").AllowAnonymous().DisableRateLimiting();
        open.MapHealth();
        open.MapGet("/", () => TypedResults.Redirect("/swagger")).ExcludeFromDescription();
        return app;
    }
}
