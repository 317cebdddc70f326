using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Tests;

namespace TrainingService.Inference.Tests.Models;

public class SmolLM2Tests
{
    /// <summary>Answers of transformers in float32; where its two best tokens were closer than 1e-3 either may come.</summary>
    [Fact]
    public async Task GreedyAnswers_AreTransformers()
    {
        JsonArray golden = JsonNode.Parse(await File.ReadAllTextAsync(RepositoryRoot.SharedPath("golden", "smollm2", "generation.json")))!.AsArray();
        string folder = SmolLM2.Folder();
        await using InferenceServer server = await InferenceServer.StartAsync(("Storage:ModelsFolder", folder));
        string name = Path.GetFileName(folder);

        await Task.WhenAll(golden.Where(g => g!["smallest_gap"]!.GetValue<double>() >= 1e-3).Select(async expected =>
        {
            int[] ids = [.. expected!["ids"]!.AsArray().Select(i => i!.GetValue<int>())];
            string question = JsonSerializer.Serialize(expected["question"]!.GetValue<string>());
            using HttpResponseMessage response = await server.PostAsync("/v1/chat/completions",
                $$"""{"model": "{{name}}", "messages": [{"role": "user", "content": {{question}} }], "temperature": 0, "max_tokens": {{ids.Length}}, "logprobs": true}""");
            JsonObject answer = await response.JsonAsync();

            const string End = "<|im_end|>";
            string text = expected["text"]!.GetValue<string>();
            bool ends = text.EndsWith(End, StringComparison.Ordinal);
            Assert.Equal(ends ? text[..^End.Length] : text, answer.Content());
            Assert.Equal(ends ? "stop" : "length", answer.Finish());
            Assert.Equal(expected["prompt_ids"]!.AsArray().Count, answer.Usage().Prompt);
            JsonArray tokens = answer["choices"]![0]!["logprobs"]!["content"]!.AsArray();
            Assert.Equal(ends ? ids.Length - 1 : ids.Length, tokens.Count);
            Assert.All(tokens.Zip(expected["logprobs"]!.AsArray()), p => Assert.Equal(p.Second!.GetValue<double>(), p.First!["logprob"]!.GetValue<double>(), 1e-3));
        }));
    }
}
