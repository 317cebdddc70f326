using System.Text.Json;

namespace TrainingService.Api.FineTuning;

/// <summary>What a fine-tuning job is created from.</summary>
public sealed record CreateJobRequest
{
    /// <summary>Id of the model to start from: one of <c>GET /v1/models</c>.</summary>
    /// <example>demo-model</example>
    public required string Model { get; init; }

    /// <summary>Id of an uploaded file of purpose fine-tune with the training rows.</summary>
    /// <example>file-XF99R149oP81Kr64h41SYe</example>
    public required string TrainingFile { get; init; }

    /// <summary>Id of an uploaded file of purpose fine-tune with rows to evaluate on.</summary>
    public string? ValidationFile { get; init; }

    /// <summary>How to train; OpenAI's default, supervised, when absent.</summary>
    public CreateJobMethod? Method { get; init; }

    /// <summary>OpenAI's old place for the hyperparameters of a request without a method.</summary>
    public JsonElement? Hyperparameters { get; init; }

    /// <summary>Part of the tuned model's name, 1 to 64 characters.</summary>
    public string? Suffix { get; init; }

    /// <summary>Seed of shuffling, adapter initialisation and dropout, 0 to 2147483647; 42 by default.</summary>
    public int? Seed { get; init; }

    /// <summary>Up to 16 keys of at most 64 characters with text values of at most 512 characters.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Must be empty or null: there are none.</summary>
    public IReadOnlyList<string>? Integrations { get; init; }
}

/// <summary>How to train.</summary>
public sealed record CreateJobMethod
{
    /// <summary><c>dpo</c>, <c>supervised</c>, <c>kto</c>, <c>orpo</c> or <c>cpo</c>.</summary>
    /// <example>dpo</example>
    public required string Type { get; init; }

    /// <summary>Names of the adapter settings that the request gives.</summary>
    internal IReadOnlyList<string> GivenLora { get; init; } = [];

    /// <summary>Settings of type dpo; absent ones and "auto" take the defaults.</summary>
    public CreateJobDpo? Dpo { get; init; }

    /// <summary>Settings of type supervised, likewise.</summary>
    public CreateJobSupervised? Supervised { get; init; }

    /// <summary>Settings of type kto, likewise.</summary>
    public CreateJobKto? Kto { get; init; }

    /// <summary>Settings of type orpo, likewise.</summary>
    public CreateJobOrpo? Orpo { get; init; }

    /// <summary>Settings of type cpo, likewise.</summary>
    public CreateJobCpo? Cpo { get; init; }
}

/// <summary>Settings of a method; absent ones and "auto" take the defaults.</summary>
public abstract record CreateJobSettings
{
    /// <summary>Optimisation, loss, lengths, logging, evaluation and checkpoints, under OpenAI's and TRL's names.</summary>
    public JsonElement? Hyperparameters { get; init; }

    /// <summary>The adapter, under PEFT's names.</summary>
    public JsonElement? Lora { get; init; }

    /// <summary>Which columns of the files stand for which fields, for files whose rows are of no known shape, e.g. <c>{"prompt": "question", "chosen": "good", "rejected": "bad"}</c>.</summary>
    public IReadOnlyDictionary<string, string>? Columns { get; init; }
}

/// <summary>Settings of direct preference optimisation.</summary>
public sealed record CreateJobDpo : CreateJobSettings;

/// <summary>Settings of supervised fine-tuning.</summary>
public sealed record CreateJobSupervised : CreateJobSettings;

/// <summary>Settings of Kahneman–Tversky optimisation.</summary>
public sealed record CreateJobKto : CreateJobSettings;

/// <summary>Settings of odds-ratio preference optimisation.</summary>
public sealed record CreateJobOrpo : CreateJobSettings;

/// <summary>Settings of contrastive preference optimisation and SimPO.</summary>
public sealed record CreateJobCpo : CreateJobSettings;
