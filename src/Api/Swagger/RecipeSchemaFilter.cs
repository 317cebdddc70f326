using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.FineTuning;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Swagger;

/// <summary>Describes a job's settings, asked for and answered, from the table that also reads them.</summary>
internal sealed class RecipeSchemaFilter : ISchemaFilter
{
    private const string Hyperparameters = "hyperparameters";
    private const string Lora = "lora";
    private const string Columns = "columns";

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
        if (schema is not OpenApiSchema { Properties: { } properties } || context.MemberInfo is not null) return;
        SchemaRepository schemas = context.SchemaRepository;
        if (s_methods.TryGetValue(context.Type, out TrainingMethod method))
            (properties[Hyperparameters], properties[Lora]) = (HyperparametersOf(method, schemas), LoraOf(schemas));
        else if (context.Type == typeof(CreateJobRequest))
            properties[Hyperparameters] = HyperparametersOf(TrainingMethod.Supervised, schemas);
        else if (context.Type == typeof(MethodObject))
            foreach (TrainingMethod each in s_methods.Values)
                properties[WireNames.Of(each)] = Named($"{each}Settings", schemas, () => new()
                {
                    Type = JsonSchemaType.Object,
                    Description = $"Every setting of a job of type {WireNames.Of(each)}, resolved.",
                    Properties = new Dictionary<string, IOpenApiSchema>
                    {
                        [Hyperparameters] = HyperparametersOf(each, schemas),
                        [Lora] = LoraOf(schemas),
                        [Columns] = new OpenApiSchema { Type = JsonSchemaType.Object, Description = "Which columns of the files stand for which fields, where the request said so.", AdditionalProperties = new OpenApiSchema { Type = JsonSchemaType.String } },
                    },
                });
    }

    private static OpenApiSchemaReference HyperparametersOf(TrainingMethod method, SchemaRepository schemas) => Named($"{method}Hyperparameters", schemas, () =>
        Describe("Optimisation, loss, lengths, logging, evaluation and checkpoints, under OpenAI's and TRL's names.", RecipeFields.Hyperparameters(method)));

    private static OpenApiSchemaReference LoraOf(SchemaRepository schemas) => Named("Lora", schemas, () => Describe("The adapter, under PEFT's names.", RecipeFields.Lora));

    /// <summary>A schema under a name of its own: generated clients name their classes after it.</summary>
    private static OpenApiSchemaReference Named(string name, SchemaRepository schemas, Func<OpenApiSchema> describe) =>
        schemas.Schemas.ContainsKey(name) ? new(name) : schemas.AddDefinition(name, describe());

    private static OpenApiSchema Describe(string description, IReadOnlyList<RecipeField> fields) => new()
    {
        Type = JsonSchemaType.Object,
        Description = description,
        AdditionalPropertiesAllowed = false,
        Properties = fields.ToDictionary(f => f.Name, IOpenApiSchema (f) => new OpenApiSchema
        {
            // No type: "auto" stands beside the values of every field.
            Description = $"{f.Description} Allowed: {f.Allowed}, or \"auto\".",
            Default = f.Write(s_defaults),
        }),
    };
}
