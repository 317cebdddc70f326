using System.Net;
using TrainingService.Tests;

namespace TrainingService.Inference.Tests.Chat;

public sealed class ChatErrorTests(InferenceServer server) : IClassFixture<InferenceServer>
{
    private const string Path = "/v1/chat/completions";

    [Theory]
    [InlineData("\"temperature\": 3", "temperature", "from 0 to 2")]
    [InlineData("\"temperature\": \"hot\"", "temperature", "hot")]
    [InlineData("\"top_p\": -0.1", "top_p", "from 0 to 1")]
    [InlineData("\"n\": 0", "n", "from 1 to 128")]
    [InlineData("\"n\": 1.5", "n", "1.5")]
    [InlineData("\"max_tokens\": 0", "max_tokens", "at least 1")]
    [InlineData("\"max_tokens\": 3, \"max_completion_tokens\": 4", "max_tokens", "differ")]
    [InlineData("\"seed\": 1e30", "seed", "64 bits")]
    [InlineData("\"stop\": [\"a\", \"b\", \"c\", \"d\", \"e\"]", "stop", "up to 4")]
    [InlineData("\"stop\": \"\"", "stop", "none of them empty")]
    [InlineData("\"stop\": \"\\ud83d\"", "stop", "unpaired surrogate")]
    [InlineData("\"top_logprobs\": 2", "top_logprobs", "logprobs")]
    [InlineData("\"logprobs\": true, \"top_logprobs\": 21", "top_logprobs", "from 0 to 20")]
    [InlineData("\"stream_options\": {\"include_usage\": true}", "stream_options", "stream")]
    [InlineData("\"stream\": true, \"stream_options\": {\"usage\": true}", "stream_options.usage", "include_usage")]
    [InlineData("\"temprature\": 1", "temprature", "Did you mean 'temperature'?")]
    [InlineData("\"tools\": [{\"type\": \"function\"}]", "tools", "not supported")]
    [InlineData("\"response_format\": {\"type\": \"json_object\"}", "response_format", "json_object")]
    [InlineData("\"logit_bias\": {\"5\": 1}", "logit_bias", "not supported")]
    [InlineData("\"presence_penalty\": 0.5", "presence_penalty", "0.5")]
    [InlineData("\"audio\": {\"voice\": \"alloy\"}", "audio", "not supported")]
    public async Task WrongField_IsNamed(string field, string param, string reason)
    {
        using HttpResponseMessage response = await server.PostAsync(Path, InferenceServer.Chat("Hello", ", " + field));
        var error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal(param, error.Param);
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData("[]", "messages", "at least one message")]
    [InlineData("[\"Hello\"]", "messages[0]", "role and content")]
    [InlineData("[{\"role\": \"user\"}]", "messages[0].content", "missing")]
    [InlineData("[{\"role\": \"user\", \"content\": \"a\"}, {\"content\": \"a\"}]", "messages[1].role", "missing")]
    [InlineData("[{\"role\": \"tool\", \"content\": \"a\", \"tool_call_id\": \"x\"}]", "messages[0].tool_call_id", "not supported")]
    [InlineData("[{\"role\": \"wizard\", \"content\": \"a\"}]", "messages[0].role", "wizard")]
    [InlineData("[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]", "messages[0].content[0].type", "image_url")]
    [InlineData("[{\"role\": \"user\", \"content\": \"\\udc00\"}]", "messages[0].content", "unpaired surrogate")]
    [InlineData("[{\"role\": \"user\", \"contents\": \"a\"}]", "messages[0].contents", "'content'")]
    public async Task WrongMessage_IsNamed(string messages, string param, string reason)
    {
        using HttpResponseMessage response = await server.PostAsync(Path, $$"""{"model": "demo-model", "messages": {{messages}}}""");
        var error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal(param, error.Param);
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public async Task ConversationLongerThanTheContext_IsRefused()
    {
        using HttpResponseMessage tooLong = await server.PostAsync(Path, InferenceServer.Chat(string.Concat(Enumerable.Repeat("What is the capital of Italy? ", 100)), ""));
        var error = await tooLong.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal(("messages", "context_length_exceeded"), (error.Param, error.Code));
        Assert.Contains("512 tokens", error.Message);

        using HttpResponseMessage noRoom = await server.PostAsync(Path, InferenceServer.Chat("Hello", ", \"max_tokens\": 512"));
        Assert.Equal("context_length_exceeded", (await noRoom.ErrorAsync(HttpStatusCode.BadRequest)).Code);
    }

    [Fact]
    public async Task UnknownModel_IsNotFound()
    {
        foreach (string model in new[] { "demo", "../demo-model", "ft:demo-model:local::none" })
        {
            using HttpResponseMessage response = await server.PostAsync(Path, $$"""{"model": "{{model}}", "messages": [{"role": "user", "content": "Hello"}]}""");
            var error = await response.ErrorAsync(HttpStatusCode.NotFound);
            Assert.Equal(("model", "model_not_found"), (error.Param, error.Code));
            Assert.Contains(model, error.Message);
        }
    }

    [Fact]
    public async Task BodyThatIsNoJsonObject_IsRefused()
    {
        foreach (string body in new[] { "", "{", "[]", "null", "{\"model\": \"a\", \"model\": \"b\"}" })
        {
            using HttpResponseMessage response = await server.PostAsync(Path, body);
            await response.ErrorAsync(HttpStatusCode.BadRequest);
        }
        using var text = new StringContent("{}");
        using HttpResponseMessage plain = await server.Client.PostAsync(Path, text);
        Assert.Contains("text/plain", (await plain.ErrorAsync(HttpStatusCode.UnsupportedMediaType)).Message);
        // A client that waits for the answer before it sends the body hears of the limit; one that does not may lose the connection.
        using var request = new HttpRequestMessage(HttpMethod.Post, Path) { Content = new ByteArrayContent(new byte[17 << 20]) { Headers = { ContentType = new("application/json") } }, Headers = { ExpectContinue = true } };
        using HttpResponseMessage large = await server.Client.SendAsync(request);
        await large.ErrorAsync(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task ModelWithoutTemplate_IsSentToCompletions()
    {
        string folder = System.IO.Path.Combine(server.ModelsFolder, "plain");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.PathOf("samples", "demo-model")))
            if (System.IO.Path.GetFileName(file) != "tokenizer_config.json") File.Copy(file, System.IO.Path.Combine(folder, System.IO.Path.GetFileName(file)));

        using HttpResponseMessage chat = await server.PostAsync(Path, """{"model": "plain", "messages": [{"role": "user", "content": "Hello"}]}""");
        Assert.Contains("/v1/completions", (await chat.ErrorAsync(HttpStatusCode.BadRequest)).Message);
        using HttpResponseMessage completion = await server.PostAsync("/v1/completions", """{"model": "plain", "prompt": "Hello", "max_tokens": 2}""");
        await completion.JsonAsync();
    }

    [Fact]
    public async Task ModelThatCannotBeLoaded_SaysWhy()
    {
        string folder = System.IO.Path.Combine(server.ModelsFolder, "strange");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.PathOf("samples", "demo-model")))
            File.Copy(file, System.IO.Path.Combine(folder, System.IO.Path.GetFileName(file)));
        string config = System.IO.Path.Combine(folder, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"llama\"", "\"mamba\""));

        for (int attempt = 0; attempt < 2; attempt++)
        {
            using HttpResponseMessage response = await server.PostAsync(Path, """{"model": "strange", "messages": [{"role": "user", "content": "Hello"}]}""");
            var error = await response.ErrorAsync(HttpStatusCode.BadRequest);
            Assert.Equal("model", error.Param);
            Assert.Contains("mamba", error.Message);
        }
    }
}
