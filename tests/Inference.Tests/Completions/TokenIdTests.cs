using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Tests.Completions;

/// <summary>A model without tokenizer files, which knows token ids alone.</summary>
public sealed class TokenIdTests(InferenceServer server) : IClassFixture<InferenceServer>
{
    private const string Path = "/v1/completions";

    private static readonly string s_model = RepositoryRoot.PathOf("tests", "golden", "training", "model");
    private static readonly int[] s_ids = [1, 300, 7, 42, 42, 511];

    [Fact]
    public async Task Score_IsTheEnginesOwn()
    {
        using GenerationModel model = GenerationModel.Load(s_model, null, ComputeType.Float32);
        IReadOnlyList<GeneratedToken> expected = model.Score(s_ids, 2);

        JsonObject scored = await CompleteAsync(", \"max_tokens\": 0, \"echo\": true, \"logprobs\": 2");

        Assert.Equal("", scored.Text());
        JsonObject logProbs = scored["choices"]![0]!["logprobs"]!.AsObject();
        Assert.Equal(s_ids.Select(id => $"token_id:{id}"), logProbs["tokens"]!.AsArray().Select(t => t!.GetValue<string>()));
        Assert.Equal(s_ids.Select(_ => 0), logProbs["text_offset"]!.AsArray().Select(o => o!.GetValue<int>()));
        Assert.Null(logProbs["token_logprobs"]![0]);
        for (int i = 1; i < s_ids.Length; i++)
        {
            Assert.Equal(expected[i - 1].Token.LogProb, logProbs["token_logprobs"]![i]!.GetValue<float>());
            foreach (TokenLogProb top in expected[i - 1].Top)
                Assert.Equal(top.LogProb, logProbs["top_logprobs"]![i]![$"token_id:{top.Id}"]!.GetValue<float>());
        }
        Assert.Equal((s_ids.Length, 0, s_ids.Length), scored.Usage());
    }

    [Fact]
    public async Task Continuation_ComesTokenByToken()
    {
        using GenerationModel model = GenerationModel.Load(s_model, null, ComputeType.Float32);
        using GenerationSequence sequence = model.Begin(s_ids, new() { Temperature = 0 });
        while (sequence.Generated.Count < 6) model.Advance([sequence]);
        string[] expected = [.. sequence.Generated.Select(g => $"token_id:{g.Token.Id}")];

        JsonObject whole = await CompleteAsync(", \"max_tokens\": 6, \"temperature\": 0, \"logprobs\": 0");
        List<JsonObject> parts = await server.StreamAsync(Path, Request(", \"max_tokens\": 6, \"temperature\": 0, \"logprobs\": 0, \"stream\": true"));

        Assert.Equal(expected, Tokens(whole));
        Assert.Equal(expected, parts.SelectMany(Tokens));
        Assert.Equal(6, parts.Count(p => Tokens(p).Length == 1));
        Assert.Equal(("", "length"), (whole.Text(), whole.Finish()));
    }

    [Fact]
    public async Task EndToken_EndsTheAnswer()
    {
        using GenerationModel model = GenerationModel.Load(s_model, null, ComputeType.Float32);
        using GenerationSequence sequence = model.Begin(s_ids, new() { Temperature = 0 });
        while (sequence.Generated.Count < 6) model.Advance([sequence]);
        int[] drawn = [.. sequence.Generated.Select(g => g.Token.Id)];
        Strip("ending", new() { ["eos_token_id"] = new JsonArray(drawn[3]) });

        using HttpResponseMessage response = await server.PostAsync(Path, Request(", \"max_tokens\": 6, \"temperature\": 0", "ending"));
        JsonObject answer = await response.JsonAsync();

        Assert.Equal(("stop", Array.IndexOf(drawn, drawn[3])), (answer.Finish(), answer.Usage().Completion));
    }

    [Theory]
    [InlineData(Path, "\"prompt\": \"Hello\"", "prompt")]
    [InlineData(Path, "\"prompt\": [5, 6], \"stop\": \"e\"", "stop")]
    [InlineData("/v1/chat/completions", "\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]", "messages")]
    public async Task Text_IsRefusedByWhatIsMissing(string path, string fields, string param)
    {
        Strip("ids");
        using HttpResponseMessage response = await server.PostAsync(path, $$"""{"model": "ids", {{fields}} }""");
        var error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal((param, "no_tokenizer"), (error.Param, error.Code));
        Assert.Contains("no tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    private static string[] Tokens(JsonObject part) => [.. part["choices"]![0]!["logprobs"]!["tokens"]!.AsArray().Select(t => t!.GetValue<string>())];

    private static string Request(string more, string model = "ids") => $$"""{"model": "{{model}}", "prompt": {{JsonSerializer.Serialize(s_ids)}}{{more}} }""";

    private async Task<JsonObject> CompleteAsync(string more)
    {
        Strip("ids");
        using HttpResponseMessage response = await server.PostAsync(Path, Request(more));
        return await response.JsonAsync();
    }

    /// <summary>A copy of the model that has weights and config.json alone.</summary>
    private void Strip(string name, JsonObject? generation = null)
    {
        string folder = Directory.CreateDirectory(System.IO.Path.Combine(server.ModelsFolder, name)).FullName;
        JsonObject config = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(s_model, "config.json")))!.AsObject();
        // Not even an end: what is drawn is compared to its last token.
        config["eos_token_id"] = null;
        File.WriteAllText(System.IO.Path.Combine(folder, "config.json"), config.ToJsonString());
        if (generation is not null) File.WriteAllText(System.IO.Path.Combine(folder, "generation_config.json"), generation.ToJsonString());
        File.Copy(System.IO.Path.Combine(s_model, "model.safetensors"), System.IO.Path.Combine(folder, "model.safetensors"), overwrite: true);
    }
}
