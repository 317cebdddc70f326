using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests.Records;

/// <summary>What OpenAI's .NET SDK asked the real service in one of its own tests, and what that answered.</summary>
internal static class RecordedSession
{
    private static readonly string s_folder = RepositoryRoot.PathOf("..", "shared", "data", "openai", "session-records");

    /// <summary>Their names; none where the shared data is absent.</summary>
    public static TheoryData<string> Names => Directory.Exists(s_folder)
        ? [.. Directory.EnumerateFiles(s_folder, "*.json", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(s_folder, f)).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The exchanges of one session, in order.</summary>
    public static async Task<JsonObject[]> ReadAsync(string name) =>
        [.. (JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(s_folder, name)))!["Entries"]?.AsArray() ?? []).Select(e => e!.AsObject())];
}
