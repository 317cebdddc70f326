using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.FineTuning;
using TrainingService.Api.Inference;
using TrainingService.Api.Models;
using TrainingService.Api.Uploads;
using TrainingService.Api.Webhooks;
using TrainingService.Api.Keys;

namespace TrainingService.Api.Swagger;

/// <summary>The bodies that "Try it out" starts with.</summary>
internal sealed class RequestExamplesFilter : IOperationFilter
{
    // The settings with which the sample model visibly changes in a minute on two cores.
    private const string Job = """
        {
          "model": "demo-model",
          "training_file": "file-XF99R149oP81Kr64h41SYe",
          "suffix": "concise",
          "seed": 42,
          "method": {
            "type": "dpo",
            "dpo": {
              "hyperparameters": { "beta": 0.3, "batch_size": 8, "n_epochs": 2, "learning_rate": 0.001, "max_length": 512, "dtype": "float32" },
              "lora": { "r": 8, "lora_alpha": 16, "target_modules": "all-linear" }
            }
          },
          "metadata": { "purpose": "first try" }
        }
        """;

    private static readonly Dictionary<Type, string> s_examples = new()
    {
        [typeof(CreateJobRequest)] = Job,
        [typeof(CreateModelRequest)] = CreateModelRequest.Example,
        [typeof(CreateUploadRequest)] = CreateUploadRequest.Example,
        [typeof(CompleteUploadRequest)] = CompleteUploadRequest.Example,
        [typeof(WebhookRequest)] = WebhookRequest.Example,
        [typeof(CreateKeyRequest)] = CreateKeyRequest.Example,
        [typeof(ChatCompletionRequest)] = ChatCompletionRequest.Example,
        [typeof(CompletionRequest)] = CompletionRequest.Example,
    };

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (operation.RequestBody?.Content is not { } content) return;
        foreach (Type? type in context.ApiDescription.ParameterDescriptions.Select(p => p.Type))
            if (type is not null && s_examples.TryGetValue(type, out string? example))
                ((OpenApiMediaType)content["application/json"]).Example = JsonNode.Parse(example);
    }
}
