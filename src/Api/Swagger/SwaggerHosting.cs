using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.Hosting;
using TrainingService.Datasets.Preparation;
using TrainingService.Domain.Errors;

namespace TrainingService.Api.Swagger;

/// <summary>The API's description and the pages to try it out. Texts stand as XML comments on the endpoints themselves.</summary>
internal static class SwaggerHosting
{
    private const string DocumentName = "v1";

    public static void AddSwagger(this IServiceCollection services)
    {
        services.AddEndpointsApiExplorer();
        services.AddSwaggerGen(swagger =>
        {
            swagger.SwaggerDoc(DocumentName, new()
            {
                Title = "Preference fine-tuning",
                Version = DocumentName,
                Description = "Upload a training file, train a LoRA adapter by DPO, supervised, KTO, ORPO, CPO or SimPO, watch it, download it. "
                    + "Paths and shapes are OpenAI's: their SDKs work when pointed here.",
            });
            swagger.IncludeXmlComments(typeof(ApiHost).Assembly);
            swagger.IncludeXmlComments(typeof(ErrorResponse).Assembly);
            swagger.IncludeXmlComments(typeof(DatasetReport).Assembly);
            swagger.CustomOperationIds(api => api.TryGetMethodInfo(out var method) ? char.ToLowerInvariant(method.Name[0]) + method.Name[1..] : null);
            swagger.SupportNonNullableReferenceTypes();
            swagger.NonNullableReferenceTypesAsRequired();
            swagger.MapType<Stream>(() => new OpenApiSchema { Type = JsonSchemaType.String, Format = "binary" });
            swagger.MapType<JsonObject>(() => new OpenApiSchema { Type = JsonSchemaType.Object });
            swagger.SchemaFilter<RecipeSchemaFilter>();
            swagger.SchemaFilter<OptionalFormFieldsFilter>();
            swagger.AddSecurityDefinition(AccessFilter.Scheme, new OpenApiSecurityScheme
            {
                Type = SecuritySchemeType.Http,
                Scheme = "bearer",
                Description = "A key of this service, `sk-…`. A service that runs for one machine alone may need none.",
            });
            swagger.OperationFilter<AccessFilter>();
            swagger.OperationFilter<ErrorResponsesFilter>();
            swagger.OperationFilter<RequestExamplesFilter>();
        });
    }

    public static void UseSwaggerPages(this WebApplication app)
    {
        app.UseSwagger(swagger => swagger.OpenApiVersion = OpenApiSpecVersion.OpenApi3_0);
        app.UseSwaggerUI(ui =>
        {
            ui.DocumentTitle = "Preference fine-tuning";
            ui.SwaggerEndpoint($"{DocumentName}/swagger.json", "Preference fine-tuning");
            ui.EnableTryItOutByDefault();
            ui.DisplayRequestDuration();
            // A key outlives the page's reload, in this browser's own storage.
            ui.EnablePersistAuthorization();
        });
    }
}
