using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.FineTuning;

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

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        if (operation.RequestBody?.Content is not { } content) return;
        if (context.ApiDescription.ParameterDescriptions.Any(p => p.Type == typeof(CreateJobRequest)))
            ((OpenApiMediaType)content["application/json"]).Example = JsonNode.Parse(Job);
    }
}
