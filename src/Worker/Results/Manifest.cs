using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Results;

/// <summary>A file as its name and content tell it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Bytes">Length in bytes.</param>
/// <param name="Sha256">Lower-case hexadecimal SHA-256 of the bytes.</param>
internal sealed record HashedFile(string Name, long Bytes, string Sha256)
{
    /// <summary>Its id in the service, where it has one.</summary>
    public string? Id { get; init; }
}

/// <summary>A model or an adapter as its files.</summary>
internal sealed record HashedModel(string Id, IReadOnlyList<HashedFile> Files);

/// <summary>What a job read: files of rows, base model, and the adapter it started from.</summary>
internal sealed record Ingredients(HashedFile TrainingFile, HashedFile? ValidationFile, HashedModel BaseModel, HashedModel? StartAdapter);

/// <summary>
/// All that decided a job, and what came of it: from this the job can be run again. <c>request</c> is a request that would
/// make the same job, every setting resolved.
/// </summary>
internal sealed record Manifest
{
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true };

    /// <summary>Version of this form.</summary>
    public int ManifestVersion { get; init; } = 1;

    public required string Job { get; init; }

    /// <summary>Some chat templates print the date: this is the one they printed.</summary>
    public required DateTime CreatedAt { get; init; }

    public required JsonObject Request { get; init; }

    public required Ingredients Ingredients { get; init; }

    public required int Seed { get; init; }

    public required string Dtype { get; init; }

    /// <summary>The adapter's own files.</summary>
    public required IReadOnlyList<HashedFile> Adapter { get; init; }

    /// <summary>The zip that holds them.</summary>
    public required HashedFile AdapterArchive { get; init; }

    public required Versions Versions { get; init; }

    public required Hardware Hardware { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this, s_json) + "\n";

    /// <exception cref="JsonException">The text is no manifest.</exception>
    public static Manifest Parse(string json) =>
        JsonSerializer.Deserialize<Manifest>(json, s_json) is { ManifestVersion: 1 } manifest ? manifest
        : throw new JsonException("It is not of manifest_version 1, which is all that this version of the service knows.");

    /// <summary>The request that would make a job with this recipe.</summary>
    public static JsonObject RequestOf(string model, string trainingFile, string? validationFile, string? suffix, IReadOnlyDictionary<string, string>? metadata, TrainingRecipe recipe)
    {
        JsonObject settings = RecipeJson.Write(recipe);
        string method = settings["type"]!.GetValue<string>();
        settings.Remove("type");
        // The same setting as learning_rate; a request may give one of them.
        settings["hyperparameters"]!.AsObject().Remove("learning_rate_multiplier");
        return new()
        {
            ["model"] = model,
            ["training_file"] = trainingFile,
            ["validation_file"] = validationFile,
            ["suffix"] = suffix,
            ["seed"] = recipe.Seed,
            ["metadata"] = metadata is null ? null : new JsonObject(metadata.Select(m => KeyValuePair.Create(m.Key, (JsonNode?)m.Value))),
            ["method"] = new JsonObject
            {
                ["type"] = method,
                [method] = settings,
            },
        };
    }

    /// <summary>The recipe as a job's record holds it.</summary>
    /// <exception cref="JsonException">The request has no method, or the method no settings.</exception>
    public string Recipe()
    {
        if (Request["method"] is not JsonObject method || method["type"]?.ToString() is not { } type || method[type] is not JsonObject settings)
            throw new JsonException("Its request has no method with settings.");
        JsonObject recipe = settings.DeepClone().AsObject();
        recipe["type"] = type;
        return recipe.ToJsonString();
    }
}
