using Microsoft.AspNetCore.Mvc;
using TrainingService.Domain.Completions;

namespace TrainingService.Api.Inference;

/// <summary>Chat and completions. The worker answers them; in a process that has the models itself its own endpoints come first.</summary>
internal static class InferenceEndpoints
{
    private const int LargestBody = 16 << 20;

    public static void AddInferenceForwarding(this IServiceCollection services)
    {
        services.AddOptions<InferenceOptions>().BindConfiguration(InferenceOptions.Section).ValidateDataAnnotations()
            .Validate(o => o.WorkerUrl is null or { IsAbsoluteUri: true, Scheme: "http" or "https" }, "Inference:WorkerUrl must be an address such as http://worker:8080.")
            .ValidateOnStart();
        services.AddHttpForwarder();
        services.AddSingleton<WorkerForwarder>();
    }

    public static void MapInferenceForwarding(this IEndpointRouteBuilder v1)
    {
        // Endpoints of a higher order are passed over when another one matches too.
        RouteGroupBuilder inference = v1.MapGroup("").WithTags("Chat").WithOrder(1).WithMetadata(new RequestSizeLimitAttribute(LargestBody));
        inference.MapPost("/chat/completions", CreateChatCompletion)
            .Accepts<ChatCompletionRequest>("application/json")
            .Produces<ChatCompletion>(StatusCodes.Status200OK, "application/json", "text/event-stream");
        inference.MapPost("/completions", CreateCompletion)
            .Accepts<CompletionRequest>("application/json")
            .Produces<Completion>(StatusCodes.Status200OK, "application/json", "text/event-stream");
    }

    /// <summary>Answer a conversation</summary>
    /// <remarks>
    /// With a base model, a tuned model or a checkpoint, by its name. With `stream=true` the answer is a stream of
    /// server-sent events, each a `chat.completion.chunk`, that ends with `[DONE]`. The first request to a model waits until
    /// it is loaded.
    /// </remarks>
    /// <response code="200">The answers.</response>
    /// <response code="400">temperature is 3; it must be a number from 0 to 2.</response>
    /// <response code="404">The model 'demo' does not exist. GET /v1/models lists those that do.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: it reads application/json.</response>
    /// <response code="503">The worker that answers chats and completions cannot be reached; send the request again a little later.</response>
    private static Task CreateChatCompletion(HttpContext http, WorkerForwarder worker) => worker.ForwardAsync(http);

    /// <summary>Continue or score texts</summary>
    /// <remarks>
    /// Texts are taken as they are, without a chat template. `echo` with `logprobs` and `max_tokens` 0 scores a text: the
    /// log-probability of each of its tokens. With `stream=true` the answer is a stream of server-sent events that ends with
    /// `[DONE]`.
    /// </remarks>
    /// <response code="200">The continuations.</response>
    /// <response code="400">logprobs is 6; it must be a whole number from 0 to 5.</response>
    /// <response code="404">The model 'demo' does not exist. GET /v1/models lists those that do.</response>
    /// <response code="413">The request's body is larger than this endpoint takes.</response>
    /// <response code="415">Content-Type 'text/plain' is not what this endpoint reads: it reads application/json.</response>
    /// <response code="503">The worker that answers chats and completions cannot be reached; send the request again a little later.</response>
    private static Task CreateCompletion(HttpContext http, WorkerForwarder worker) => worker.ForwardAsync(http);
}
