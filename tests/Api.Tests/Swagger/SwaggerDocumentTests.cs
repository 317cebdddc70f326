using System.Net;
using System.Text.Json.Nodes;
using Microsoft.OpenApi;
using Microsoft.OpenApi.Reader;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.Tests.Swagger;

public sealed class SwaggerDocumentTests(ApiServer server) : IClassFixture<ApiServer>
{
    private const string Path = "/swagger/v1/swagger.json";

    [Fact]
    public async Task Document_IsValidOpenApi3()
    {
        ReadResult result = OpenApiDocument.Parse(await server.Client.GetStringAsync(Path), "json");
        Assert.Empty(result.Diagnostic!.Errors);
        Assert.Empty(result.Diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_0, result.Diagnostic.SpecificationVersion);
        Assert.NotEmpty(result.Document!.Paths);
    }

    [Fact]
    public async Task EveryOperation_IsDescribedWithExamplesAndErrors()
    {
        JsonObject document = await server.GetAsync(Path);
        List<string> operations = [];
        foreach ((string path, JsonNode? item) in document["paths"]!.AsObject())
            foreach ((string method, JsonNode? operation) in item!.AsObject())
            {
                string name = $"{method} {path}";
                operations.Add(operation!.Text("operationId"));
                Assert.False(string.IsNullOrWhiteSpace(operation!["summary"]?.GetValue<string>()), name);
                Assert.Single(operation["tags"]!.AsArray());
                foreach (JsonNode? parameter in operation["parameters"]?.AsArray() ?? [])
                {
                    Assert.False(string.IsNullOrWhiteSpace(parameter!["description"]?.GetValue<string>()), $"{name} {parameter["name"]}");
                    Assert.True(parameter.Text("in") != "path" || parameter["example"] is not null, $"{name} {parameter["name"]}");
                }
                JsonObject responses = operation["responses"]!.AsObject();
                Assert.All(["200", "401", "403", "429", "500"], status => Assert.True(responses.ContainsKey(status), $"{name} {status}"));
                Assert.Equal("key", operation["security"]![0]!.AsObject().Single().Key);
                Assert.True(!path.Contains('{') || responses.ContainsKey("404"), name);
                Assert.NotEmpty(responses["200"]!["content"]!.AsObject());
                foreach ((string status, JsonNode? response) in responses)
                {
                    Assert.False(string.IsNullOrWhiteSpace(response!.Text("description")), $"{name} {status}");
                    Assert.NotNull(response!["headers"]!["x-request-id"]);
                    if (status == "200") continue;
                    JsonNode body = response["content"]!["application/json"]!;
                    Assert.Equal("#/components/schemas/ErrorResponse", body["schema"]!.Text("$ref"));
                    Assert.Equal(["message", "type", "param", "code"], body["example"]!["error"]!.AsObject().Select(p => p.Key));
                }
            }
        Assert.Equal(operations.Count, operations.Distinct().Count());
    }

    [Fact]
    public async Task AuthorizeButton_TakesABearerKey()
    {
        JsonNode scheme = (await server.GetAsync(Path))["components"]!["securitySchemes"]!["key"]!;
        Assert.Equal(("http", "bearer"), (scheme.Text("type"), scheme.Text("scheme")));
    }

    [Fact]
    public async Task RepeatableOperations_TakeAnIdempotencyKey()
    {
        JsonObject paths = (await server.GetAsync(Path))["paths"]!.AsObject();
        string[] repeatable = [.. paths.Where(p => p.Value!["post"]?["parameters"]?.AsArray().Any(q => q!.Text("name") == "Idempotency-Key") == true).Select(p => p.Key)];
        foreach (string path in new[] { "/v1/files", "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{id}/cancel", "/v1/fine_tuning/jobs/{id}/pause", "/v1/fine_tuning/jobs/{id}/resume" })
            Assert.Contains(path, repeatable);
        // The stored answer would hold the secret.
        Assert.DoesNotContain("/v1/admin/keys", repeatable);
        Assert.All(repeatable, path => Assert.NotNull(paths[path]!["post"]!["responses"]!["422"]));
    }

    [Fact]
    public async Task Settings_AreDescribedFromTheTableThatReadsThem_UnderNamesOfTheirOwn()
    {
        JsonNode schemas = (await server.GetAsync(Path))["components"]!["schemas"]!;
        foreach (TrainingMethod method in Enum.GetValues<TrainingMethod>())
        {
            JsonNode settings = schemas[$"CreateJob{method}"]!["properties"]!;
            foreach ((string name, string schema, IReadOnlyList<RecipeField> fields) in new[]
            {
                ("hyperparameters", $"{method}Hyperparameters", RecipeFields.Hyperparameters(method)), ("lora", "Lora", RecipeFields.Lora),
            })
            {
                Assert.Equal($"#/components/schemas/{schema}", settings[name]!.Text("$ref"));
                JsonObject properties = schemas[schema]!["properties"]!.AsObject();
                Assert.Equal(fields.Select(f => f.Name).Order(), properties.Select(p => p.Key).Order());
                foreach (RecipeField field in fields)
                    Assert.Contains(field.Allowed, properties[field.Name]!.Text("description"));
            }
        }
    }

    [Fact]
    public async Task JobExample_WorksWithAnUploadedFile()
    {
        JsonObject document = await server.GetAsync(Path);
        JsonNode form = document["paths"]!["/v1/files"]!["post"]!["requestBody"]!["content"]!["multipart/form-data"]!["schema"]!;
        JsonNode properties = document["components"]!["schemas"]![form.Text("$ref").Split('/')[^1]]!["properties"]!;
        Assert.Equal("binary", properties["file"]!.Text("format"));
        Assert.Equal("fine-tune", properties["purpose"]!.Text("example"));

        JsonNode example = document["paths"]!["/v1/fine_tuning/jobs"]!["post"]!["requestBody"]!["content"]!["application/json"]!["example"]!;
        string placeholder = example.Text("training_file");
        string file = await server.UploadGoodFileAsync();
        using HttpResponseMessage response = await server.CreateJobAsync(example.ToJsonString().Replace(placeholder, file));
        Assert.Equal("queued", (await response.JsonAsync()).Text("status"));
        using HttpResponseMessage unchanged = await server.CreateJobAsync(example.ToJsonString());
        Assert.Contains(placeholder, (await unchanged.ErrorAsync(HttpStatusCode.BadRequest)).Message());
    }
}
