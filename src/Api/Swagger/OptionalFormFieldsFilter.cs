using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.Files;

namespace TrainingService.Api.Swagger;

/// <summary>Leaves the optional fields of the upload's form empty in Swagger UI, which else fills in and sends "string" and 0.</summary>
internal sealed class OptionalFormFieldsFilter : ISchemaFilter
{
    public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
    {
        if (context.Type != typeof(FileUploadForm) || schema.Properties is not { } properties) return;
        foreach ((string name, IOpenApiSchema property) in properties)
            if (property is OpenApiSchema optional && schema.Required?.Contains(name) != true)
                optional.Examples = [JsonValue.Create("")];
    }
}
