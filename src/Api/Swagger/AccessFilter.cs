using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.Repeats;

namespace TrainingService.Api.Swagger;

/// <summary>Tells of every operation that it takes a key, what it answers without a sufficient one, and whether it may be repeated.</summary>
internal sealed class AccessFilter : IOperationFilter
{
    public const string Scheme = "key";

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        operation.Security = [new() { [new OpenApiSecuritySchemeReference(Scheme, context.Document)] = [] }];
        operation.Responses ??= [];
        Add("401", "The API key is unknown or was revoked. It is sent as 'Authorization: Bearer KEY'.");
        Add("403", $"The key's role is read_only; {context.ApiDescription.HttpMethod} /{context.ApiDescription.RelativePath} takes another.");
        Add("429", "The rate limit of 600 requests a minute is reached. Try again in 1 second.");
        if (!context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<RepeatableMetadata>().Any()) return;

        Add("409", $"A request of this {Idempotency.Header} is being worked on; send it again to get its answer.");
        Add("422", $"The {Idempotency.Header} was used with another request before. Take a new one for a new request.");
        operation.Parameters ??= [];
        operation.Parameters.Add(new OpenApiParameter
        {
            Name = Idempotency.Header,
            In = ParameterLocation.Header,
            Description = "Any text of the client's, e.g. a UUID. A request that is sent again with it, within 24 hours, does nothing more and gets the first answer.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = Idempotency.LongestKey },
        });

        void Add(string status, string description) => operation.Responses.TryAdd(status, new OpenApiResponse { Description = description });
    }
}
