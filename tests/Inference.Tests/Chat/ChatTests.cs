using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Tests;

namespace TrainingService.Inference.Tests.Chat;

public sealed class ChatTests(InferenceServer server) : IClassFixture<InferenceServer>
{
    private const string Path = "/v1/chat/completions";

    private static readonly JsonArray s_questions = JsonNode.Parse(File.ReadAllText(RepositoryRoot.PathOf("samples", "questions.json")))!.AsArray();

    [Fact]
    public async Task Answer_HasTheShapeOfOpenAIs()
    {
        JsonObject answer = await server.ChatAsync("What is the capital of Italy?");

        Assert.StartsWith("chatcmpl-", answer["id"]!.GetValue<string>());
        Assert.Equal("chat.completion", answer["object"]!.GetValue<string>());
        Assert.Equal(InferenceServer.DemoModel, answer["model"]!.GetValue<string>());
        Assert.InRange(answer["created"]!.GetValue<long>(), DateTimeOffset.UnixEpoch.AddYears(50).ToUnixTimeSeconds(), long.MaxValue);
        JsonObject choice = answer["choices"]!.AsArray().Single()!.AsObject();
        Assert.Equal("assistant", choice["message"]!["role"]!.GetValue<string>());
        Assert.True(choice["message"]!.AsObject().ContainsKey("refusal") && choice.ContainsKey("logprobs"));
        Assert.Equal("stop", answer.Finish());
    }

    /// <summary>What transformers counts with the same model and questions (tests/golden/demo/trl.json, "before"), drawn at temperature 1.</summary>
    [Fact]
    public async Task SixtyQuestionsAtOnce_AreAnsweredAsTransformersAnswersThem()
    {
        JsonObject golden = JsonNode.Parse(File.ReadAllText(RepositoryRoot.PathOf("tests", "golden", "demo", "trl.json")))!["before"]!.AsObject();

        JsonObject[] answers = await Task.WhenAll(s_questions.Select((q, i) => server.ChatAsync(q!["question"]!.GetValue<string>(), $", \"seed\": {i}, \"max_tokens\": 64")));

        (string Given, string Expected)[] pairs = [.. answers.Zip(s_questions, (a, q) => (a.Content().Trim(), q!["answer"]!.GetValue<string>()))];
        // Three standard deviations of as many draws either way.
        int plain = golden["plain"]!.GetValue<int>();
        Assert.InRange(pairs.Count(p => p.Given == p.Expected), plain - 11, plain + 11);
        Assert.InRange(pairs.Count(p => p.Given.Contains(p.Expected, StringComparison.Ordinal)), golden["right"]!.GetValue<int>() - 3, 60);
        Assert.Equal(golden["mean_characters"]!.GetValue<double>(), pairs.Average(p => p.Given.Length), 10.0);
    }

    [Fact]
    public async Task GreedyAnswers_AreRightAndPlain()
    {
        JsonObject[] answers = await Task.WhenAll(s_questions.Select(q => server.ChatAsync(q!["question"]!.GetValue<string>())));
        Assert.Equal(s_questions.Select(q => q!["answer"]!.GetValue<string>()), answers.Select(a => a.Content()));
    }

    [Fact]
    public async Task AnswersWrittenTogether_AreThoseWrittenAlone()
    {
        string[] questions = [.. s_questions.Take(12).Select(q => q!["question"]!.GetValue<string>())];
        const string Sampled = ", \"temperature\": 0.8, \"top_p\": 0.9, \"seed\": 7, \"n\": 2";
        var alone = new List<string>();
        foreach (string question in questions) alone.Add((await server.ChatAsync(question, Sampled))["choices"]!.ToJsonString());

        JsonObject[] together = await Task.WhenAll(questions.Select(q => server.ChatAsync(q, Sampled)));

        Assert.Equal(alone, together.Select(a => a["choices"]!.ToJsonString()));
    }

    [Fact]
    public async Task StreamedText_JoinedIsTheUnstreamed()
    {
        const string Settings = ", \"temperature\": 1.3, \"seed\": 11, \"n\": 3, \"logprobs\": true, \"top_logprobs\": 2";
        JsonObject whole = await server.ChatAsync("Name a colour of the rainbow.", Settings);

        List<JsonObject> parts = await server.StreamAsync(Path, InferenceServer.Chat("Name a colour of the rainbow.", Settings + ", \"stream\": true, \"stream_options\": {\"include_usage\": true}"));

        for (int i = 0; i < 3; i++)
        {
            JsonObject[] choices = [.. parts.SelectMany(p => p["choices"]!.AsArray()).Where(c => c!["index"]!.GetValue<int>() == i).Select(c => c!.AsObject())];
            Assert.Equal("assistant", choices[0]["delta"]!["role"]!.GetValue<string>());
            Assert.Equal(whole.Content(i), string.Concat(choices.Select(c => c["delta"]!["content"]?.GetValue<string>())));
            Assert.Equal(whole.Finish(i), choices[^1]["finish_reason"]!.GetValue<string>());
            Assert.All(choices[..^1], c => Assert.Null(c["finish_reason"]));
            Assert.Equal(whole["choices"]![i]!["logprobs"]!["content"]!.AsArray().Select(t => t!.ToJsonString()),
                choices.Where(c => c["logprobs"] is not null).SelectMany(c => c["logprobs"]!["content"]!.AsArray()).Select(t => t!.ToJsonString()));
        }
        Assert.Single(parts.Select(p => p["id"]!.GetValue<string>()).Distinct());
        Assert.All(parts, p => Assert.Equal("chat.completion.chunk", p["object"]!.GetValue<string>()));
        Assert.Empty(parts[^1]["choices"]!.AsArray());
        Assert.Equal(whole.Usage(), parts[^1].Usage());
    }

    [Fact]
    public async Task Usage_CountsThePromptOnceAndEveryAnswer()
    {
        const string Question = "Which sound does the owl make?";
        ModelTokenizer tokenizer = ModelTokenizer.Load(RepositoryRoot.PathOf("samples", "demo-model"));
        string prompt = ChatTemplate.Load(RepositoryRoot.PathOf("samples", "demo-model"), tokenizer)!.Render([new ChatMessage("user", Question)], addGenerationPrompt: true);

        JsonObject answer = await server.ChatAsync(Question, ", \"temperature\": 1.5, \"seed\": 3, \"n\": 4, \"max_tokens\": 9, \"logprobs\": true");

        int[] written = [.. answer["choices"]!.AsArray().Select(c => c!["logprobs"]!["content"]!.AsArray().Count)];
        Assert.Equal(4, written.Length);
        int promptTokens = tokenizer.Encode(prompt, addSpecialTokens: false).Length;
        Assert.Equal((promptTokens, written.Sum(), promptTokens + written.Sum()), answer.Usage());
    }

    [Theory]
    [InlineData("max_tokens")]
    [InlineData("max_completion_tokens")]
    public async Task TokenLimit_CutsTheAnswer(string field)
    {
        JsonObject whole = await server.ChatAsync("What is the capital of Italy?"), cut = await server.ChatAsync("What is the capital of Italy?", $", \"temperature\": 0, \"{field}\": 3");

        Assert.Equal(("length", 3), (cut.Finish(), cut.Usage().Completion));
        Assert.StartsWith(cut.Content(), whole.Content());
        Assert.True(cut.Content().Length < whole.Content().Length);
    }

    [Fact]
    public async Task LimitOfExactlyTheAnswer_StillSaysLength()
    {
        JsonObject whole = await server.ChatAsync("What is the capital of Italy?");
        JsonObject exact = await server.ChatAsync("What is the capital of Italy?", $", \"temperature\": 0, \"max_tokens\": {whole.Usage().Completion}");
        Assert.Equal(("length", whole.Content()), (exact.Finish(), exact.Content()));
    }

    [Fact]
    public async Task StopText_EndsTheAnswerBeforeItAndNeverLeaksIntoTheStream()
    {
        string whole = (await server.ChatAsync("What is the capital of Italy?")).Content();
        string stop = whole[(whole.Length / 2)..(whole.Length / 2 + 5)];
        string settings = $", \"temperature\": 0, \"stop\": [\"never there\", {JsonSerializer.Serialize(stop)}]";

        JsonObject answer = await server.ChatAsync("What is the capital of Italy?", settings);
        List<JsonObject> parts = await server.StreamAsync(Path, InferenceServer.Chat("What is the capital of Italy?", settings + ", \"stream\": true"));

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], answer.Content());
        Assert.Equal("stop", answer.Finish());
        Assert.Equal(answer.Content(), string.Concat(parts.SelectMany(p => p["choices"]!.AsArray()).Select(c => c!["delta"]!["content"]?.GetValue<string>())));
    }

    [Fact]
    public async Task Seed_GivesTheSameAnswersAgain_AndOneAnswerIsTheFirstOfMany()
    {
        JsonObject first = await server.ChatAsync("Add five and one.", ", \"temperature\": 1.6, \"seed\": -5, \"n\": 3"), again = await server.ChatAsync("Add five and one.", ", \"temperature\": 1.6, \"seed\": -5, \"n\": 3"),
            one = await server.ChatAsync("Add five and one.", ", \"temperature\": 1.6, \"seed\": -5"), other = await server.ChatAsync("Add five and one.", ", \"temperature\": 1.6, \"seed\": 6, \"n\": 3");

        Assert.Equal(first["choices"]!.ToJsonString(), again["choices"]!.ToJsonString());
        Assert.Equal(first.Content(), one.Content());
        Assert.NotEqual(first["choices"]!.ToJsonString(), other["choices"]!.ToJsonString());
        Assert.True(first["choices"]!.AsArray().Select(c => c!["message"]!["content"]!.GetValue<string>()).Distinct().Count() > 1);
    }

    [Fact]
    public async Task LogProbs_TellTheTokensOfTheText()
    {
        JsonObject answer = await server.ChatAsync("What is the capital of Italy?", ", \"temperature\": 0, \"logprobs\": true, \"top_logprobs\": 3");

        JsonArray tokens = answer["choices"]![0]!["logprobs"]!["content"]!.AsArray();
        Assert.Equal(answer.Content(), string.Concat(tokens.Select(t => t!["token"]!.GetValue<string>())));
        foreach (JsonNode? token in tokens)
        {
            double[] top = [.. token!["top_logprobs"]!.AsArray().Select(t => t!["logprob"]!.GetValue<double>())];
            Assert.Equal(3, top.Length);
            Assert.Equal(top.OrderDescending(), top);
            // Temperature 0 takes the most probable token.
            Assert.Equal(top[0], token["logprob"]!.GetValue<double>());
            Assert.Equal(token["token"]!.GetValue<string>(), System.Text.Encoding.UTF8.GetString([.. token["bytes"]!.AsArray().Select(b => b!.GetValue<byte>())]));
        }
    }

    [Fact]
    public async Task PartsAndDevelopersMessages_AreTextAndSystemMessages()
    {
        const string Before = "{\"role\": \"user\", \"content\": \"Add five and one.\"}, {\"role\": \"assistant\", \"content\": \"Six.\"}, ";
        using HttpResponseMessage plain = await server.PostAsync(Path, $$"""{"model": "demo-model", "temperature": 0, "messages": [{"role": "system", "content": "Be brief."}, {{Before}}{"role": "user", "content": "What is the capital of Italy?"}]}""");
        using HttpResponseMessage parts = await server.PostAsync(Path, $$"""{"model": "demo-model", "temperature": 0, "messages": [{"role": "developer", "content": [{"type": "text", "text": "Be brief."}]}, {{Before}}{"role": "user", "content": [{"type": "text", "text": "What is the capital "}, {"type": "text", "text": "of Italy?"}]}]}""");

        JsonObject expected = await plain.JsonAsync(), given = await parts.JsonAsync();
        Assert.Equal((expected.Content(), expected.Usage()), (given.Content(), given.Usage()));
        Assert.True(expected.Usage().Prompt > (await server.ChatAsync("What is the capital of Italy?")).Usage().Prompt + 10);
    }

    [Fact]
    public async Task NeutralValuesOfUnsupportedFields_AreTaken()
    {
        JsonObject answer = await server.ChatAsync("Add five and one.",
            ", \"temperature\": 0, \"presence_penalty\": 0, \"frequency_penalty\": 0.0, \"logit_bias\": {}, \"tools\": [], \"response_format\": {\"type\": \"text\"}, \"user\": \"me\", \"audio\": null, \"store\": false, \"stop\": null, \"n\": 1.0");
        Assert.Equal((await server.ChatAsync("Add five and one.")).Content(), answer.Content());
    }
}
