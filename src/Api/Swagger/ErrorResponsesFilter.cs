using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using TrainingService.Api.Errors;
using TrainingService.Api.Hosting;
using TrainingService.Domain.Errors;

namespace TrainingService.Api.Swagger;

/// <summary>
/// Gives every error that an endpoint's comments name its body and an example, whose message is the comment's text; adds
/// the error that every endpoint can answer, and the header that every answer carries.
/// </summary>
internal sealed class ErrorResponsesFilter(IOptions<JsonOptions> json) : IOperationFilter
{
    private const string ServerError = "The server met an error while processing the request. Its log has the details under the id req_0123456789abcdef.";

    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        operation.Responses ??= [];
        operation.Responses.TryAdd("500", new OpenApiResponse { Description = ServerError });
        foreach ((string status, OpenApiResponse response) in operation.Responses.Select(r => (r.Key, (OpenApiResponse)r.Value)))
        {
            response.Headers ??= new Dictionary<string, IOpenApiHeader>();
            response.Headers[RequestIds.Header] = new OpenApiHeader
            {
                Description = "Identifies the request in the server's log.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String },
            };
            if (int.Parse(status, CultureInfo.InvariantCulture) is >= 400 and int code)
                response.Content = new Dictionary<string, IOpenApiMediaType> { ["application/json"] = Body(code, response.Description ?? "", context) };
        }
    }

    private OpenApiMediaType Body(int status, string message, OperationFilterContext context) => new()
    {
        Schema = context.SchemaGenerator.GenerateSchema(typeof(ErrorResponse), context.SchemaRepository),
        Example = JsonNode.Parse(JsonSerializer.Serialize(new ApiError(status, message).ToResponse(), json.Value.SerializerOptions)),
    };
}
