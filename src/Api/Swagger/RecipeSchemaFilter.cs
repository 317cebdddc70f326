using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.FineTuning;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Swagger;

/// <summary>Describes a job's settings from the table that also reads them.</summary>
internal sealed class RecipeSchemaFilter : ISchemaFilter
{
    private static readonly TrainingRecipe s_defaults = new();

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema concrete) return;
        IReadOnlyList<RecipeField>? fields = context.MemberInfo?.Name switch
        {
            nameof(CreateJobDpo.Hyperparameters) => RecipeFields.Hyperparameters,
            nameof(CreateJobDpo.Lora) => RecipeFields.Lora,
            _ => null,
        };
        if (fields is null) return;
        concrete.Type = JsonSchemaType.Object;
        concrete.AdditionalPropertiesAllowed = false;
        concrete.AdditionalProperties = null;
        concrete.Properties = fields.ToDictionary(f => f.Name, IOpenApiSchema (f) => new OpenApiSchema
        {
            // No type: "auto" stands beside the values of every field.
            Description = $"{f.Description} Allowed: {f.Allowed}, or \"auto\".",
            Default = f.Write(s_defaults),
        });
    }
}
