using System.Net;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Storage.Queue;

namespace TrainingService.Api.Tests.FineTuning;

public sealed class CreateJobTests(ApiServer server) : IClassFixture<ApiServer>
{
    [Fact]
    public async Task Job_HasEverySettingResolved()
    {
        JsonObject job = await server.CreateGoodJobAsync(
            """, "dpo": {"hyperparameters": {"beta": "auto", "n_epochs": 2.0, "learning_rate_multiplier": 4}, "lora": {"r": 4}}""",
            """, "suffix": "colours", "seed": 7, "metadata": {"team": "a"}, "integrations": null""");
        Assert.Matches("^ftjob-[A-Za-z0-9]{24}$", job.Text("id"));
        Assert.Equal("queued", job.Text("status"));
        Assert.Equal("colours", job.Text("user_provided_suffix"));
        Assert.Equal(7, job["seed"]!.GetValue<int>());
        Assert.Equal("a", job["metadata"]!.Text("team"));
        foreach (string none in new[] { "finished_at", "estimated_finish", "error", "fine_tuned_model", "trained_tokens", "validation_file" })
            Assert.True(job.ContainsKey(none) && job[none] is null, none);
        Assert.Empty(job["result_files"]!.AsArray());

        JsonNode dpo = job["method"]!["dpo"]!;
        Assert.Equal("dpo", job["method"]!.Text("type"));
        Assert.True(JsonNode.DeepEquals(job["hyperparameters"], dpo["hyperparameters"]));
        Assert.Equal(0.1, dpo["hyperparameters"]!["beta"]!.GetValue<double>());
        Assert.Equal(2, dpo["hyperparameters"]!["n_epochs"]!.GetValue<int>());
        Assert.Equal(2, dpo["hyperparameters"]!["batch_size"]!.GetValue<int>());
        Assert.Equal(4, dpo["hyperparameters"]!["learning_rate_multiplier"]!.GetValue<double>(), 1e-12);
        Assert.Equal(2e-4, dpo["hyperparameters"]!["learning_rate"]!.GetValue<double>(), 1e-12);
        Assert.Equal("no", dpo["hyperparameters"]!.Text("eval_strategy"));
        Assert.Equal(4, dpo["lora"]!["r"]!.GetValue<int>());
        Assert.True(JsonNode.DeepEquals(job, await server.GetAsync($"/v1/fine_tuning/jobs/{job.Text("id")}")));
    }

    [Fact]
    public async Task Job_IsQueuedAndSaysSo()
    {
        string id = (await server.CreateGoodJobAsync()).Text("id");
        Assert.Contains(id, server.Services.GetRequiredService<IJobQueue>().List().Waiting);
        JsonObject events = await server.GetAsync($"/v1/fine_tuning/jobs/{id}/events");
        JsonNode only = Assert.Single(events["data"]!.AsArray())!;
        Assert.Equal($"Created fine-tuning job: {id}", only.Text("message"));
        Assert.Equal(("info", "message", "fine_tuning.job.event"), (only.Text("level"), only.Text("type"), only.Text("object")));
    }

    [Fact]
    public async Task ValidationFile_IsEvaluatedEachEpochByDefault()
    {
        string validation = await server.UploadGoodFileAsync();
        JsonObject job = await server.CreateGoodJobAsync("", $", \"validation_file\": \"{validation}\"");
        Assert.Equal(validation, job.Text("validation_file"));
        Assert.Equal("epoch", job["hyperparameters"]!.Text("eval_strategy"));

        JsonObject steps = await server.CreateGoodJobAsync(
            """, "dpo": {"hyperparameters": {"eval_strategy": "steps", "logging_steps": 3}}""", $", \"validation_file\": \"{validation}\"");
        Assert.Equal(3, steps["hyperparameters"]!["eval_steps"]!.GetValue<int>());
    }

    [Theory]
    [InlineData("""{"model": "gpt-nonexistent", "training_file": "FILE", "method": {"type": "dpo"}}""", "model", "Model gpt-nonexistent is not available for fine-tuning or does not exist. Known are demo-model")]
    [InlineData("""{"training_file": "FILE", "method": {"type": "dpo"}}""", "model", "model is missing")]
    [InlineData("""{"model": 5, "training_file": "FILE", "method": {"type": "dpo"}}""", "model", "model is 5; it must be the id")]
    [InlineData("""{"model": "demo-model", "training_file": "Invalid File Name", "method": {"type": "dpo"}}""", "training_file", "invalid training_file: Invalid File Name")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "validation_file": "file-no", "method": {"type": "dpo"}}""", "validation_file", "invalid validation_file: file-no")]
    [InlineData("""{"model": "demo-model", "training_file": "OTHER", "method": {"type": "dpo"}}""", "training_file", "has the purpose user_data; upload it with the purpose fine-tune")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE"}""", "method", "Add \"method\": {\"type\": \"dpo\"} to train on the preferences")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "hyperparameters": {"n_epochs": 1}}""", "method", "Add \"method\": {\"type\": \"dpo\"}")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "reinforcement", "reinforcement": {}}}""", "method.type", "method.type is \"reinforcement\"; it must be one of dpo, supervised, kto, orpo, cpo")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "kto", "kto": {"hyperparameters": {"batch_size": 1}}}}""", "method.kto.hyperparameters.batch_size", "give at least 2")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "supervised": {}}}""", "method.supervised", "no effect")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"hyperparameter": {}}}}""", "method.dpo.hyperparameter", "Did you mean 'hyperparameters'?")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"lora_alpha": 3}}}""", "method.dpo.lora_alpha", "It belongs in method.dpo.lora.")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3}}}}""", "method.dpo.hyperparameters.beta", "beta is 3; it must be a number above 0, at most 2")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"lora": {"target_modules": ["c_attn"]}}}}""", "method.dpo.lora.target_modules", "target_modules has 'c_attn', which this model lacks. Its linear layers are down_proj, gate_proj, k_proj")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "kto", "kto": {"lora": {"target_modules": "q_proj"}}}}""", "method.kto.lora.target_modules", "matches none of this model's layers, such as model.layers.0.")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"lora": {"layers_to_transform": [99]}}}}""", "method.dpo.lora.layers_to_transform", "layers_to_transform has 99, but the model's layers are 0 to")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"hyperparameters": {"warmup_step": 3}}}}""", "method.dpo.hyperparameters.warmup_step", "Did you mean 'warmup_steps'?")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo", "dpo": {"hyperparameters": {"eval_strategy": "epoch"}}}}""", "method.dpo.hyperparameters.eval_strategy", "no validation_file")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "hyperparameters": {"n_epochs": 3}}""", "hyperparameters", "move them into method")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "validationfile": "x"}""", "validationfile", "Did you mean 'validation_file'?")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "suffix": ""}""", "suffix", "1 to 64 characters")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "seed": -1}""", "seed", "seed is -1; it must be a whole number from 0 to 2147483647")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "seed": 1.5}""", "seed", "seed is 1.5")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "metadata": {"a": 1}}""", "metadata.a", "it must be text")]
    [InlineData("""{"model": "demo-model", "training_file": "FILE", "method": {"type": "dpo"}, "integrations": [{"type": "wandb"}]}""", "integrations", "not available here")]
    [InlineData("[]", null, "The request's body is []; it must be a JSON object.")]
    [InlineData("{", null, "not valid JSON")]
    [InlineData("""{"model": "a", "model": "b"}""", null, "not valid JSON")]
    [InlineData("""{"model": "\ud800", "training_file": "FILE", "method": {"type": "dpo"}}""", null, "not valid JSON")]
    [InlineData("""{"\ud800": 1}""", null, "not valid JSON")]
    public async Task BadRequest_SaysWhatToChange(string body, string? param, string message)
    {
        body = body.Replace("FILE", await server.UploadGoodFileAsync());
        if (body.Contains("OTHER"))
        {
            using HttpResponseMessage other = await server.UploadTextAsync("x", "x.txt", "user_data");
            body = body.Replace("OTHER", (await other.JsonAsync()).Text("id"));
        }
        using HttpResponseMessage response = await server.CreateJobAsync(body);
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Contains(message, error.Message());
        Assert.Equal(param, error.Param());
        Assert.DoesNotContain("problems", error.Message());
    }

    [Fact]
    public async Task FileOfUnknownShape_NeedsAMappingOfItsColumns()
    {
        using HttpResponseMessage uploaded = await server.UploadTextAsync("""{"question": "Two and two?", "good": " Four.", "bad": " Five."}""", "custom.jsonl", "fine-tune");
        JsonObject file = await uploaded.JsonAsync();
        string Job(string settings) => $$"""{"model": "demo-model", "training_file": "{{file.Text("id")}}", "method": {"type": "dpo", "dpo": {{settings}} } }""";

        using HttpResponseMessage without = await server.CreateJobAsync(Job("{}"));
        JsonObject error = await without.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal("training_file", error.Param());
        Assert.Contains("'question', 'good', 'bad'", error.Message());

        using HttpResponseMessage wrong = await server.CreateJobAsync(Job("""{"columns": {"promt": "question"}}"""));
        Assert.Equal("method.dpo.columns.promt", (await wrong.ErrorAsync(HttpStatusCode.BadRequest)).Param());

        const string Mapping = """{"prompt":"question","chosen":"good","rejected":"bad"}""";
        using HttpResponseMessage mapped = await server.CreateJobAsync(Job($$"""{"columns": {{Mapping}} }"""));
        Assert.Equal(Mapping, (await mapped.JsonAsync())["method"]!["dpo"]!["columns"]!.ToJsonString());
    }

    [Fact]
    public async Task AdapterSettings_OfAJobThatStartsFromAnAdapter_AreRefused()
    {
        string adapter = Directory.CreateDirectory(Path.Combine(server.ModelsFolder, "started")).FullName;
        await File.WriteAllTextAsync(Path.Combine(adapter, "adapter_config.json"), """{"peft_type": "LORA", "base_model_name_or_path": "demo-model", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]}""");
        await File.WriteAllTextAsync(Path.Combine(adapter, "adapter_model.safetensors"), "");
        string file = await server.UploadGoodFileAsync();
        string Job(string lora) => $$"""{"model": "started", "training_file": "{{file}}", "method": {"type": "dpo", "dpo": {"lora": {{lora}} } } }""";

        using HttpResponseMessage refused = await server.CreateJobAsync(Job("""{"r": 16, "lora_dropout": 0.1}"""));
        JsonObject error = await refused.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal("method.dpo.lora.r", error.Param());
        Assert.Contains("training goes on with it as it is", error.Message());
        using HttpResponseMessage accepted = await server.CreateJobAsync(Job("""{"r": "auto", "lora_dropout": 0.1}"""));
        Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
        Directory.Delete(adapter, recursive: true);
    }

    [Theory]
    [InlineData("supervised")]
    [InlineData("kto")]
    [InlineData("orpo")]
    [InlineData("cpo")]
    public async Task OtherMethods_HaveSettingsOfTheirOwn(string method)
    {
        string file = await server.UploadGoodFileAsync();
        using HttpResponseMessage response = await server.CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "{{method}}"} }""");
        JsonNode answered = (await response.JsonAsync())["method"]!;
        Assert.Equal(method, answered.Text("type"));
        Assert.Equal(["type", method], answered.AsObject().Select(p => p.Key));
        Assert.Equal(method != "supervised", answered[method]!["hyperparameters"]!.AsObject().ContainsKey("beta"));
    }

    [Fact]
    public async Task RequestWithoutMethod_IsOpenAIsSupervisedJob_WithSettingsInTheirOldPlace()
    {
        using HttpResponseMessage uploaded = await server.UploadTextAsync("""{"messages": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."}]}""");
        string file = (await uploaded.JsonAsync()).Text("id");
        using HttpResponseMessage response = await server.CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{file}}", "hyperparameters": {"n_epochs": 2, "batch_size": "auto", "learning_rate_multiplier": null} }""");
        JsonObject job = await response.JsonAsync();
        Assert.Equal("supervised", job["method"]!.Text("type"));
        Assert.Equal((2, 2), (job["hyperparameters"]!["n_epochs"]!.GetValue<int>(), job["method"]!["supervised"]!["hyperparameters"]!["n_epochs"]!.GetValue<int>()));
        Assert.False(job["method"]!.AsObject().ContainsKey("dpo"));

        using HttpResponseMessage dpo = await server.CreateJobAsync($$$"""{"model": "demo-model", "training_file": "{{{file}}}", "method": {"type": "dpo"} }""");
        Assert.Contains("The method dpo needs pairs", (await dpo.ErrorAsync(HttpStatusCode.BadRequest)).Message());

        using HttpResponseMessage wrong = await server.CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{file}}", "hyperparameters": {"epochs": 2} }""");
        JsonObject error = await wrong.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal("hyperparameters.epochs", error.Param());
        Assert.StartsWith("hyperparameters has no setting 'epochs'.", error.Message());
    }

    [Fact]
    public async Task AllProblems_AreToldAtOnce_ModelAndFilesFirst()
    {
        using HttpResponseMessage response = await server.CreateJobAsync(
            """{"seed": "x", "method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3, "epochs": 1}}}, "training_file": "file-no", "model": "none"}""");
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        string[] lines = error.Message().Split('\n');
        Assert.Equal("The request has 5 problems:", lines[0]);
        Assert.StartsWith("Model none", lines[1]);
        Assert.StartsWith("invalid training_file", lines[2]);
        Assert.Equal(6, lines.Length);
        Assert.Equal("model", error.Param());
        Assert.Equal("model_not_available", error.Text("code"));
    }

    [Fact]
    public async Task FloodOfProblems_IsToldInPart()
    {
        string settings = string.Join(", ", Enumerable.Range(0, 20_000).Select(i => $"\"zq{i}\": 1"));
        using HttpResponseMessage response = await server.CreateJobAsync($$$"""{"model": "demo-model", "training_file": "file-no", "method": {"type": "dpo", "dpo": {"hyperparameters": { {{{settings}}} } } } }""");
        string message = (await response.ErrorAsync(HttpStatusCode.BadRequest)).Message();
        Assert.StartsWith("The request has at least 101 problems:\n", message);
        Assert.InRange(message.Length, 1, 200_000);
    }

    [Theory]
    [InlineData("target_modules", """ "(?=.)((\\w|\\.)+)+!" """, "takes too long to match")]
    [InlineData("rank_pattern", """{"(?=.)((\\w|\\.)+)+!": 4}""", "takes too long to match")]
    public async Task PatternsThatNeverEnd_AreRefused(string setting, string value, string told)
    {
        string file = await server.UploadGoodFileAsync();
        using HttpResponseMessage response = await server.CreateJobAsync($$$"""{"model": "demo-model", "training_file": "{{{file}}}", "method": {"type": "dpo", "dpo": {"lora": {"{{{setting}}}": {{{value}}} } } } }""");
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal("method.dpo.lora", error.Param());
        Assert.Contains(told, error.Message());
    }

    [Fact]
    public async Task ListsThatNoModelNeeds_AreRefused()
    {
        string file = await server.UploadGoodFileAsync();
        string ranks = string.Join(", ", Enumerable.Range(0, 1025).Select(i => $"\"q{i}\": 4"));
        using HttpResponseMessage response = await server.CreateJobAsync($$$"""{"model": "demo-model", "training_file": "{{{file}}}", "method": {"type": "dpo", "dpo": {"lora": {"rank_pattern": { {{{ranks}}} } } } } }""");
        JsonObject error = await response.ErrorAsync(HttpStatusCode.BadRequest);
        Assert.Equal("method.dpo.lora.rank_pattern", error.Param());
        Assert.Contains("at most 1024", error.Message());
    }

    [Fact]
    public async Task MetadataBeyondTheLimits_IsRefused()
    {
        string file = await server.UploadGoodFileAsync();
        string many = string.Join(", ", Enumerable.Range(0, 17).Select(i => $"\"k{i}\": \"v\""));
        foreach (string metadata in new[] { many, $"\"{new string('k', 65)}\": \"v\"", $"\"k\": \"{new string('v', 513)}\"" })
        {
            using HttpResponseMessage response = await server.CreateJobAsync($$"""{"model": "demo-model", "training_file": "{{file}}", "method": {"type": "dpo"}, "metadata": { {{metadata}} } }""");
            Assert.StartsWith("metadata", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Param());
        }
    }

    [Fact]
    public async Task OtherBodies_AreRefused()
    {
        using (HttpResponseMessage text = await server.Client.PostAsync("/v1/fine_tuning/jobs", new StringContent("{}")))
            await text.ErrorAsync(HttpStatusCode.UnsupportedMediaType);
        using (HttpResponseMessage nothing = await server.Client.PostAsync("/v1/fine_tuning/jobs", null))
            await nothing.ErrorAsync(HttpStatusCode.UnsupportedMediaType);
        // Asks before it sends: else the refusal may close the connection while the body is still on its way.
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/fine_tuning/jobs")
        {
            Content = new StringContent($"{{\"model\": \"{new string('m', 2 << 20)}\"}}", System.Text.Encoding.UTF8, "application/json"),
            Headers = { ExpectContinue = true },
        };
        using HttpResponseMessage large = await server.Client.SendAsync(request);
        await large.ErrorAsync(HttpStatusCode.RequestEntityTooLarge);
    }
}
