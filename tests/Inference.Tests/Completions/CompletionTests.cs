using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Tests.Completions;

public sealed class CompletionTests(InferenceServer server) : IClassFixture<InferenceServer>
{
    private const string Path = "/v1/completions";

    private static readonly string s_demo = RepositoryRoot.PathOf("samples", "demo-model");
    private static readonly ModelTokenizer s_tokenizer = ModelTokenizer.Load(s_demo);

    [Theory]
    [InlineData("The capital of Italy is Rome.")]
    [InlineData("<|im_start|>user\nAdd five and one.<|im_end|>\n<|im_start|>assistant\nFive plus one is six.<|im_end|>\n")]
    [InlineData("Größe 😀, naïve — 北京")]
    public async Task Score_IsTheEnginesOwn(string text)
    {
        int[] ids = s_tokenizer.Encode(text, addSpecialTokens: true);
        using GenerationModel model = GenerationModel.Load(s_demo, null, ComputeType.Float32);
        IReadOnlyList<float> expected = model.Score(ids);

        JsonObject scored = await server.CompleteAsync(JsonSerializer.Serialize(text), ", \"max_tokens\": 0, \"echo\": true, \"logprobs\": 2");
        JsonObject byIds = await server.CompleteAsync(JsonSerializer.Serialize(ids), ", \"max_tokens\": 0, \"echo\": true, \"logprobs\": 2");

        Assert.Equal(text, scored.Text());
        JsonObject logProbs = scored["choices"]![0]!["logprobs"]!.AsObject();
        JsonNode?[] given = [.. logProbs["token_logprobs"]!.AsArray()];
        Assert.Equal(ids.Length, given.Length);
        Assert.Null(given[0]);
        Assert.All(given.Skip(1).Zip(expected), p => Assert.Equal(p.Second, p.First!.GetValue<float>(), 1e-5f));
        for (int i = 1; i < ids.Length; i++)
        {
            JsonObject top = logProbs["top_logprobs"]![i]!.AsObject();
            Assert.InRange(top.Count, 1, 3);
            Assert.True(top.Max(t => t.Value!.GetValue<float>()) >= given[i]!.GetValue<float>());
            Assert.Equal(given[i]!.GetValue<float>(), top[logProbs["tokens"]![i]!.GetValue<string>()]!.GetValue<float>());
        }
        Assert.Equal(logProbs.ToJsonString(), byIds["choices"]![0]!["logprobs"]!.ToJsonString());
        Assert.Equal((ids.Length, 0, ids.Length), scored.Usage());
        Assert.Equal("length", scored.Finish());
    }

    [Fact]
    public async Task Offsets_CountCodePointsOfTheText()
    {
        const string Text = "A 😀 smile";
        JsonObject scored = await server.CompleteAsync(JsonSerializer.Serialize(Text), ", \"max_tokens\": 4, \"temperature\": 0, \"echo\": true, \"logprobs\": 0");

        JsonObject logProbs = scored["choices"]![0]!["logprobs"]!.AsObject();
        Assert.Null(logProbs["top_logprobs"]);
        int[] runes = [.. scored.Text().EnumerateRunes().Select(r => r.Value)];
        foreach ((JsonNode? token, JsonNode? offset) in logProbs["tokens"]!.AsArray().Zip(logProbs["text_offset"]!.AsArray()))
        {
            string text = token!.GetValue<string>();
            if (text.Contains('\uFFFD')) continue;
            int[] expected = [.. text.EnumerateRunes().Select(r => r.Value)];
            Assert.Equal(expected, runes.Skip(offset!.GetValue<int>()).Take(expected.Length));
        }
        Assert.Equal("smile", string.Concat(runes.Skip(4).Take(5).Select(r => char.ConvertFromUtf32(r))));
    }

    [Fact]
    public async Task GreedyContinuation_IsTheEnginesOwn()
    {
        int[] prompt = s_tokenizer.Encode("The capital of", addSpecialTokens: true);
        using GenerationModel model = GenerationModel.Load(s_demo, null, ComputeType.Float32);
        using GenerationSequence sequence = model.Begin(prompt, new() { Temperature = 0 });
        while (sequence.Generated.Count < 12) model.Advance([sequence]);
        int[] drawn = [.. sequence.Generated.Select(g => g.Token.Id).TakeWhile(id => !s_tokenizer.StopIds.Contains(id))];

        JsonObject answer = await server.CompleteAsync("\"The capital of\"", ", \"temperature\": 0, \"max_tokens\": 12, \"echo\": true, \"logprobs\": 1");

        Assert.Equal("The capital of" + s_tokenizer.Decode(drawn, skipSpecialTokens: true), answer.Text());
        float[] logProbs = [.. answer["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Skip(prompt.Length).Select(l => l!.GetValue<float>())];
        Assert.All(sequence.Generated.Zip(logProbs), p => Assert.Equal(p.First.Token.LogProb, p.Second, 1e-4f));
        Assert.Equal((prompt.Length, drawn.Length), (answer.Usage().Prompt, answer.Usage().Completion));
    }

    [Fact]
    public async Task SeveralPrompts_AreAnsweredInOrder()
    {
        const string More = ", \"temperature\": 0.9, \"seed\": 4, \"n\": 2, \"max_tokens\": 6";
        JsonObject both = await server.CompleteAsync("[\"The capital of\", \"Five plus one\"]", More),
            first = await server.CompleteAsync("\"The capital of\"", More), second = await server.CompleteAsync("\"Five plus one\"", More);

        Assert.Equal([0, 1, 2, 3], both["choices"]!.AsArray().Select(c => c!["index"]!.GetValue<int>()));
        Assert.Equal([first.Text(0), first.Text(1), second.Text(0), second.Text(1)], Enumerable.Range(0, 4).Select(i => both.Text(i)));
        Assert.Equal((first.Usage().Prompt + second.Usage().Prompt, first.Usage().Completion + second.Usage().Completion), (both.Usage().Prompt, both.Usage().Completion));
    }

    [Fact]
    public async Task Stream_JoinedIsTheUnstreamed()
    {
        const string More = ", \"temperature\": 1.4, \"seed\": 9, \"n\": 2, \"max_tokens\": 40, \"echo\": true, \"logprobs\": 2, \"stop\": [\"e\", \"qq\"]";
        JsonObject whole = await server.CompleteAsync("\"A smile 😀\"", More);

        List<JsonObject> parts = await server.StreamAsync(Path, $$"""{"model": "demo-model", "prompt": "A smile 😀", "stream": true, "stream_options": {"include_usage": true}{{More}} }""");

        for (int i = 0; i < 2; i++)
        {
            JsonObject[] choices = [.. parts.SelectMany(p => p["choices"]!.AsArray()).Where(c => c!["index"]!.GetValue<int>() == i).Select(c => c!.AsObject())];
            Assert.Equal(whole.Text(i), string.Concat(choices.Select(c => c["text"]!.GetValue<string>())));
            Assert.Equal(whole.Finish(i), choices[^1]["finish_reason"]!.GetValue<string>());
            foreach (string list in new[] { "tokens", "token_logprobs", "top_logprobs", "text_offset" })
                Assert.Equal(whole["choices"]![i]!["logprobs"]![list]!.AsArray().Select(t => t?.ToJsonString()),
                    choices.SelectMany(c => c["logprobs"]![list]!.AsArray()).Select(t => t?.ToJsonString()));
        }
        Assert.Equal(whole.Usage(), parts[^1].Usage());
    }

    [Fact]
    public async Task EmptyPrompt_BeginsAText()
    {
        JsonObject answer = await server.CompleteAsync("\"\"", ", \"temperature\": 0, \"max_tokens\": 3");
        Assert.Equal(1, answer.Usage().Prompt);
    }

    [Theory]
    [InlineData("\"prompt\": []", "prompt", "a list of texts")]
    [InlineData("\"prompt\": [\"a\", 5]", "prompt", "a list of token ids")]
    [InlineData("\"prompt\": [1.5]", "prompt", "a list of token ids")]
    [InlineData("\"prompt\": [5, 968]", "prompt", "0 to 967")]
    [InlineData("\"prompt\": [-1]", "prompt", "0 to 967")]
    [InlineData("\"prompt\": null", "prompt", "missing")]
    [InlineData("\"prompt\": \"a\", \"logprobs\": 6", "logprobs", "from 0 to 5")]
    [InlineData("\"prompt\": \"a\", \"logprobs\": true", "logprobs", "from 0 to 5")]
    [InlineData("\"prompt\": \"a\", \"max_tokens\": -1", "max_tokens", "at least 0")]
    [InlineData("\"prompt\": \"a\", \"max_token\": 1", "max_token", "'max_tokens'")]
    [InlineData("\"prompt\": \"a\", \"suffix\": \"b\"", "suffix", "not supported")]
    [InlineData("\"prompt\": \"a\", \"best_of\": 3", "best_of", "not supported")]
    [InlineData("\"prompt\": \"a\", \"max_tokens\": 512", "prompt", "512 tokens")]
    public async Task WrongField_IsNamed(string fields, string param, string reason)
    {
        using HttpResponseMessage response = await server.PostAsync(Path, $$"""{"model": "demo-model", {{fields}} }""");
        var error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal(param, error.Param);
        Assert.Contains(reason, error.Message);
    }
}
