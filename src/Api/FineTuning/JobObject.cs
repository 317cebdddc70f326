using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TrainingService.Domain.Recipes;

namespace TrainingService.Api.FineTuning;

/// <summary>A fine-tuning job as OpenAI's SDKs know it, and its progress.</summary>
public sealed record JobObject
{
    /// <summary>The job's id.</summary>
    /// <example>ftjob-8wVbAaZ6PbJDOtKQZ1lOJx0R</example>
    public required string Id { get; init; }

    /// <summary>Always <c>fine_tuning.job</c>.</summary>
    /// <example>fine_tuning.job</example>
    public string Object => "fine_tuning.job";

    /// <summary>Id of the model training starts from.</summary>
    /// <example>demo-model</example>
    public required string Model { get; init; }

    /// <summary>Moment of creation, Unix seconds.</summary>
    /// <example>1780006003</example>
    public required long CreatedAt { get; init; }

    /// <summary>Moment the job ended, Unix seconds; null until then.</summary>
    public long? FinishedAt { get; init; }

    /// <summary>Moment the job should end at its present speed, Unix seconds; null while that is not known.</summary>
    public long? EstimatedFinish { get; init; }

    /// <summary>queued, running, paused, succeeded, failed or cancelled.</summary>
    /// <example>queued</example>
    public required string Status { get; init; }

    /// <summary>Why the job failed; null otherwise.</summary>
    public JobErrorObject? Error { get; init; }

    /// <summary>Name of the tuned model once the job succeeded.</summary>
    public string? FineTunedModel { get; init; }

    /// <summary>The organisation that every job of this service belongs to.</summary>
    /// <example>local</example>
    public required string OrganizationId { get; init; }

    /// <summary>Ids of the files that the job made.</summary>
    public required IReadOnlyList<string> ResultFiles { get; init; }

    /// <summary>Id of the training file.</summary>
    /// <example>file-XF99R149oP81Kr64h41SYe</example>
    public required string TrainingFile { get; init; }

    /// <summary>Id of the validation file.</summary>
    public string? ValidationFile { get; init; }

    /// <summary>The method's hyperparameters again, where older SDKs look for them.</summary>
    public required JsonObject Hyperparameters { get; init; }

    /// <summary>How the job trains, every setting resolved.</summary>
    public required MethodObject Method { get; init; }

    /// <summary>Seed of shuffling, adapter initialisation and dropout.</summary>
    /// <example>42</example>
    public required int Seed { get; init; }

    /// <summary>Input tokens trained on; null until there are some.</summary>
    public long? TrainedTokens { get; init; }

    /// <summary>The client's own keys and values.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Always empty: there are none.</summary>
    public IReadOnlyList<string> Integrations => [];

    /// <summary>The suffix as the client gave it.</summary>
    /// <example>concise</example>
    public string? UserProvidedSuffix { get; init; }

    /// <summary>Always null: OpenAI's answers carry it.</summary>
    public string? EvalId => null;

    /// <summary>Always null: OpenAI's answers carry it.</summary>
    public string? UsageMetrics => null;

    /// <summary>Always false: nothing leaves this service.</summary>
    public bool SharedWithOpenai => false;

    /// <summary>How far the job is: what this service tells beyond OpenAI's.</summary>
    public required ProgressObject Progress { get; init; }
}

/// <summary>Why a job failed.</summary>
/// <param name="Code">A word for programs.</param>
/// <param name="Message">The failure in words.</param>
/// <param name="Param">Field of the request that it is about.</param>
public sealed record JobErrorObject(string Code, string Message, string? Param);

/// <summary>How a job trains: the settings stand under the name of the type.</summary>
public sealed record MethodObject
{
    /// <summary><c>dpo</c>, <c>supervised</c>, <c>kto</c>, <c>orpo</c> or <c>cpo</c>.</summary>
    /// <example>dpo</example>
    public required string Type { get; init; }

    /// <summary>The settings of type dpo.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MethodSettingsObject? Dpo { get; init; }

    /// <summary>The settings of type supervised.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MethodSettingsObject? Supervised { get; init; }

    /// <summary>The settings of type kto.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MethodSettingsObject? Kto { get; init; }

    /// <summary>The settings of type orpo.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MethodSettingsObject? Orpo { get; init; }

    /// <summary>The settings of type cpo.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public MethodSettingsObject? Cpo { get; init; }

    /// <summary>From a resolved recipe as it is stored.</summary>
    internal static MethodObject Of(JsonElement recipe)
    {
        TrainingMethod method = RecipeJson.MethodOf(recipe);
        var settings = new MethodSettingsObject(JsonObject.Create(recipe.GetProperty("hyperparameters"))!, JsonObject.Create(recipe.GetProperty("lora"))!)
        {
            Columns = recipe.TryGetProperty("columns", out JsonElement columns) ? JsonObject.Create(columns) : null,
        };
        MethodSettingsObject? If(TrainingMethod asked) => asked == method ? settings : null;
        return new()
        {
            Type = WireNames.Of(method),
            Dpo = If(TrainingMethod.Dpo),
            Supervised = If(TrainingMethod.Supervised),
            Kto = If(TrainingMethod.Kto),
            Orpo = If(TrainingMethod.Orpo),
            Cpo = If(TrainingMethod.Cpo),
        };
    }
}

/// <summary>Every setting of a job, resolved.</summary>
/// <param name="Hyperparameters">Optimisation, loss, lengths, logging, evaluation and checkpoints.</param>
/// <param name="Lora">The adapter.</param>
public sealed record MethodSettingsObject(JsonObject Hyperparameters, JsonObject Lora)
{
    /// <summary>Which columns of the files stand for which fields, where the request said so.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonObject? Columns { get; init; }
}

/// <summary>How far a job is. Beside the fields listed stand the newest training metrics under TRL's names.</summary>
public sealed record ProgressObject
{
    /// <summary>Optimiser steps taken.</summary>
    public required int Step { get; init; }

    /// <summary>Optimiser steps in all; null until the rows were prepared.</summary>
    public int? TotalSteps { get; init; }

    /// <summary>Passes over the training pairs so far, fractional.</summary>
    public required double Epoch { get; init; }

    /// <summary>Pairs a second at present.</summary>
    public double? PairsPerSecond { get; init; }

    /// <summary>The newest metrics of the validation file under TRL's names; null until it was evaluated.</summary>
    public IReadOnlyDictionary<string, double>? Validation { get; init; }

    /// <summary>The kept checkpoints, oldest first.</summary>
    public required IReadOnlyList<ProgressCheckpoint> Checkpoints { get; init; }

    /// <summary>The newest training metrics: <c>loss</c>, <c>rewards/margins</c>, <c>rewards/accuracies</c> and the others.</summary>
    [JsonExtensionData]
    public Dictionary<string, object>? Train { get; init; }
}

/// <summary>A kept checkpoint in a job's progress.</summary>
/// <param name="Id">The checkpoint's id.</param>
/// <param name="StepNumber">Optimiser steps taken.</param>
public sealed record ProgressCheckpoint(string Id, int StepNumber);
