using System.Text.Json;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Generation;

namespace TrainingService.Training.Tests.Models;

/// <summary>A small model that was really trained, against numbers in double precision.</summary>
public class StoriesTests
{
    [Fact]
    public void Completions_HaveTheReferencesLogProbs()
    {
        using GenerationModel model = Load(out JsonElement reference);
        foreach (JsonElement row in reference.GetProperty("cases").EnumerateArray())
            foreach (string completion in new[] { "chosen", "rejected" })
            {
                int[] prompt = Ids(row, "prompt_ids"), ids = Ids(row, completion + "_ids");
                double sum = model.Score([.. prompt, .. ids]).Skip(prompt.Length - 1).Sum(p => (double)p);
                Assert.Equal(row.GetProperty(completion + "_logp").GetDouble(), sum, 2e-3);
            }
    }

    [Fact]
    public void GreedyStory_IsTheReferences()
    {
        using GenerationModel model = Load(out JsonElement reference);
        int[] story = Ids(reference, "greedy_from_bos");
        using GenerationSequence sequence = model.Begin(story[..1], new() { Temperature = 0 });
        while (sequence.Generated.Count < story.Length - 1) model.Advance([sequence]);
        Assert.Equal(story[1..], sequence.Generated.Select(g => g.Token.Id));
    }

    private static GenerationModel Load(out JsonElement reference)
    {
        reference = Golden.Json(Path.Combine(Golden.Shared("data", "models", "stories260K"), "reference.json"));
        return GenerationModel.Load(Golden.Shared("data", "models", "stories260K", "hf"), null, ComputeType.Float32);
    }

    private static int[] Ids(JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(i => i.GetInt32())];
}
