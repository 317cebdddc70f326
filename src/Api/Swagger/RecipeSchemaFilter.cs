using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.FineTuning;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Swagger;

/// <summary>Describes a job's settings from the table that also reads them.</summary>
internal sealed class RecipeSchemaFilter : ISchemaFilter
{
    private static readonly Dictionary<Type, TrainingMethod> s_methods = new()
    {
        [typeof(CreateJobDpo)] = TrainingMethod.Dpo,
        [typeof(CreateJobSupervised)] = TrainingMethod.Supervised,
        [typeof(CreateJobKto)] = TrainingMethod.Kto,
        [typeof(CreateJobOrpo)] = TrainingMethod.Orpo,
        [typeof(CreateJobCpo)] = TrainingMethod.Cpo,
    };

    private static readonly TrainingRecipe s_defaults = new();

    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (schema is not OpenApiSchema { Properties: { } properties } || context.MemberInfo is not null || !s_methods.TryGetValue(context.Type, out TrainingMethod method)) return;
        properties["hyperparameters"] = Describe(properties["hyperparameters"], RecipeFields.Hyperparameters(method));
        properties["lora"] = Describe(properties["lora"], RecipeFields.Lora);
    }

    private static OpenApiSchema Describe(IOpenApiSchema settings, IReadOnlyList<RecipeField> fields) => new()
    {
        Type = JsonSchemaType.Object,
        Description = settings.Description,
        AdditionalPropertiesAllowed = false,
        Properties = fields.ToDictionary(f => f.Name, IOpenApiSchema (f) => new OpenApiSchema
        {
            // No type: "auto" stands beside the values of every field.
            Description = $"{f.Description} Allowed: {f.Allowed}, or \"auto\".",
            Default = f.Write(s_defaults),
        }),
    };
}
