using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests.Description;

/// <summary>An OpenAPI document, read for its operations and the fields that they take and give.</summary>
internal sealed class OpenAIDescription(JsonObject document)
{
    private readonly JsonObject _schemas = document["components"]!["schemas"]!.AsObject();

    /// <summary>OpenAI's own of files, uploads, fine-tuning and models; skips the test when the shared data is absent.</summary>
    public static OpenAIDescription Published() =>
        new(JsonNode.Parse(File.ReadAllBytes(RepositoryRoot.SharedPath("data", "openai", "files-finetuning-models-uploads.openapi.json")))!.AsObject());

    /// <summary>Method and path, e.g. <c>GET /files/{file_id}</c>.</summary>
    public IEnumerable<string> Operations =>
        from path in document["paths"]!.AsObject() from operation in path.Value!.AsObject() select $"{operation.Key.ToUpperInvariant()} {path.Key}";

    /// <summary>Query parameters and fields of the body.</summary>
    public IReadOnlyList<string> RequestFields(string operation)
    {
        JsonNode described = Find(operation);
        List<string> fields = [.. (described["parameters"]?.AsArray() ?? []).Where(p => p!["in"]!.GetValue<string>() == "query").Select(p => p!["name"]!.GetValue<string>())];
        foreach ((string _, JsonNode? content) in described["requestBody"]?["content"]?.AsObject() ?? []) Flatten(content!["schema"]!, "", fields, new HashSet<string>());
        return fields;
    }

    /// <summary>The schema of a successful answer, where it is a named one.</summary>
    public string? AnswerSchema(string operation) =>
        Find(operation)["responses"]!["200"]?["content"]?["application/json"]?["schema"]?["$ref"]?.GetValue<string>().Split('/')[^1];

    /// <summary>The schema of a list's items, or null.</summary>
    public string? ItemSchema(string schema) => _schemas[schema]!["properties"]?["data"]?["items"]?["$ref"]?.GetValue<string>().Split('/')[^1];

    /// <summary>Fields of an object; those of the <paramref name="named"/> objects in it are left to themselves.</summary>
    public IReadOnlyList<string> Fields(string schema, IReadOnlySet<string> named)
    {
        List<string> fields = [];
        Flatten(_schemas[schema]!, "", fields, named);
        return fields;
    }

    private JsonNode Find(string operation)
    {
        string[] parts = operation.Split(' ');
        return document["paths"]![parts[1]]![parts[0].ToLowerInvariant()]!;
    }

    private void Flatten(JsonNode schema, string path, List<string> fields, IReadOnlySet<string> named)
    {
        if (schema["$ref"]?.GetValue<string>().Split('/')[^1] is { } name)
        {
            if (!named.Contains(name)) Flatten(_schemas[name]!, path, fields, named);
            return;
        }
        foreach (string combination in new[] { "allOf", "oneOf", "anyOf" })
            foreach (JsonNode? part in schema[combination]?.AsArray() ?? []) Flatten(part!, path, fields, named);
        if (schema["items"] is { } items) Flatten(items, path + "[]", fields, named);
        foreach ((string property, JsonNode? described) in schema["properties"]?.AsObject() ?? [])
        {
            string field = path.Length == 0 ? property : $"{path}.{property}";
            if (fields.Contains(field)) continue;
            fields.Add(field);
            Flatten(described!, field, fields, named);
        }
    }
}
