namespace TrainingService.Domain.Files;

/// <summary>What a file is for, under OpenAI's names; official SDKs refuse any other.</summary>
public static class FilePurpose
{
    /// <summary>Training or validation rows.</summary>
    public const string FineTune = "fine-tune";

    /// <summary>What a job produced.</summary>
    public const string FineTuneResults = "fine-tune-results";

    /// <summary>All purposes of the API.</summary>
    public static IReadOnlyList<string> All { get; } =
        ["assistants", "assistants_output", "batch", "batch_output", FineTune, FineTuneResults, "vision", "user_data", "evals"];
}
