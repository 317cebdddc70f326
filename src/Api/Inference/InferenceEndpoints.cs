using Microsoft.AspNetCore.Mvc;
using TrainingService.Domain.Completions;

namespace TrainingService.Api.Inference;

/// <summary>Chat, completions and exports. The worker answers them; in a process that has the models itself its own endpoints come first.</summary>
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
        RouteGroupBuilder exports = v1.MapGroup("/exports").WithTags("Models").WithOrder(1);
        exports.MapGet("/merged/{**model}", ExportMerged).Produces<Stream>(StatusCodes.Status200OK, "application/zip");
        exports.MapGet("/gguf/{**model}", ExportGguf).Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream");
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

    /// <summary>Download a tuned model with its adapter merged in</summary>
    /// <remarks>
    /// A zip of a folder in Hugging Face's form: safetensors in shards of at most 5 GB in the base's own type, configuration and
    /// tokenizer. It is made on demand, which takes as long as reading and writing the model; the download begins then.
    /// </remarks>
    /// <param name="model" example="ft:demo-model:local:concise:abc">Name of a tuned model or a checkpoint.</param>
    /// <response code="200">The zip.</response>
    /// <response code="400">The model 'demo-model' has no adapter: there is nothing to export but its own folder.</response>
    /// <response code="404">The model 'ft:demo' does not exist. GET /v1/models lists those that do.</response>
    /// <response code="503">The worker that answers chats and completions cannot be reached; send the request again a little later.</response>
    private static Task ExportMerged(string model, HttpContext http, WorkerForwarder worker) => worker.ForwardAsync(http);

    /// <summary>Download a tuned model's adapter for llama.cpp</summary>
    /// <remarks>A GGUF file for llama.cpp's `--lora`, beside the base model in GGUF. DoRA and whole modules have no place in it: merge those.</remarks>
    /// <param name="model" example="ft:demo-model:local:concise:abc">Name of a tuned model or a checkpoint.</param>
    /// <response code="200">The file.</response>
    /// <response code="400">The model 'ft:demo' cannot be exported: llama.cpp has no DoRA: its adapters only add to a weight. Export the merged model instead.</response>
    /// <response code="404">The model 'ft:demo' does not exist. GET /v1/models lists those that do.</response>
    /// <response code="503">The worker that answers chats and completions cannot be reached; send the request again a little later.</response>
    private static Task ExportGguf(string model, HttpContext http, WorkerForwarder worker) => worker.ForwardAsync(http);
}
