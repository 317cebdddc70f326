namespace TrainingService.Api.Models;

/// <summary>A model to get from the Hub.</summary>
public sealed record CreateModelRequest
{
    internal const string Example = """{"model": "HuggingFaceTB/SmolLM2-135M-Instruct", "revision": "main"}""";

    /// <summary>Its id there, <c>owner/name</c>, and then here.</summary>
    public string? Model { get; init; }

    /// <summary>A branch, a tag or a commit; its main branch by default.</summary>
    public string? Revision { get; init; }
}
