using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Queue;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.FineTuning;

public sealed class ValidateJobTests(ApiServer server) : IClassFixture<ApiServer>
{
    [Fact]
    public async Task GoodJob_IsReportedAndNotQueued()
    {
        (string training, string validation) = (await UploadSampleAsync("concise-train.jsonl"), await UploadSampleAsync("concise-validation.jsonl"));
        int waiting = server.Services.GetRequiredService<IJobQueue>().List().Waiting.Count;
        JsonObject answer = await ValidateAsync($$$"""
            {"model": "demo-model", "training_file": "{{{training}}}", "validation_file": "{{{validation}}}",
             "method": {"type": "dpo", "dpo": {"hyperparameters": {"batch_size": 8, "n_epochs": 2, "gradient_accumulation_steps": 2, "dtype": "float32"} } } }
            """);
        Assert.Equal("fine_tuning.job.validation", answer.Text("object"));
        Assert.True(answer["valid"]!.GetValue<bool>());
        Assert.Empty(answer["problems"]!.AsArray());
        Assert.Equal("epoch", answer["method"]!["dpo"]!["hyperparameters"]!.Text("eval_strategy"));

        JsonNode report = answer["training_file"]!["report"]!;
        int rows = File.ReadLines(RepositoryRoot.PathOf("samples/concise-train.jsonl")).Count();
        Assert.Equal(rows, report["rows"]!.GetValue<int>());
        Assert.Equal(rows, report["pair_length_histogram"]!.AsArray().Sum(b => b!["rows"]!.GetValue<int>()));
        Assert.Equal(training, answer["training_file"]!.Text("id"));
        Assert.Equal(3, answer["training_file"]!["preview"]!.AsArray().Count);
        JsonNode first = answer["training_file"]!["preview"]![0]!;
        Assert.False(first["prompt"]![0]!["trained"]!.GetValue<bool>());
        Assert.True(first["chosen"]![0]!["trained"]!.GetValue<bool>());
        Assert.Equal(validation, answer["validation_file"]!.Text("id"));

        JsonNode estimate = answer["estimate"]!;
        int pairs = report["pairs"]!.GetValue<int>(), stepsAnEpoch = (pairs + 15) / 16;
        Assert.Equal((stepsAnEpoch, 2 * stepsAnEpoch), (estimate["steps_an_epoch"]!.GetValue<int>(), estimate["total_steps"]!.GetValue<int>()));
        Assert.Equal(2 * new[] { "prompt_tokens", "chosen_tokens", "rejected_tokens" }.Sum(n => report[n]!.GetValue<long>()), estimate["tokens"]!.GetValue<long>());
        Assert.True(estimate["memory_bytes"]!.GetValue<long>() > new FileInfo(RepositoryRoot.PathOf("samples/demo-model/model.safetensors")).Length);
        Assert.Equal(0, estimate["workers"]!.GetValue<int>());

        Assert.Equal(waiting, server.Services.GetRequiredService<IJobQueue>().List().Waiting.Count);
        await using TrainingDbContext db = server.CreateContext();
        Assert.False(await db.Jobs.AnyAsync(j => j.TrainingFileId == training));
    }

    [Fact]
    public async Task EveryProblem_IsToldAtOnceBesideTheReport()
    {
        string file = await server.UploadGoodFileAsync();
        JsonObject answer = await ValidateAsync($$$"""
            {"model": "demo-model", "training_file": "{{{file}}}", "validation_file": "file-no", "sufix": "x",
             "method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3, "max_length": "long"} } } }
            """);
        Assert.False(answer["valid"]!.GetValue<bool>());
        Assert.Equal(["validation_file", "sufix", "method.dpo.hyperparameters.beta", "method.dpo.hyperparameters.max_length"],
            answer["problems"]!.AsArray().Select(p => p!.Text("param")));
        Assert.Equal(1, answer["training_file"]!["report"]!["rows"]!.GetValue<int>());
        Assert.Null(answer["validation_file"]);
    }

    [Fact]
    public async Task UnknownModelOrFile_IsAProblemAndLeavesNoReport()
    {
        JsonObject answer = await ValidateAsync("""{"model": "gpt-9", "training_file": "file-no", "method": {"type": "dpo"}}""");
        Assert.Equal(["model", "training_file"], answer["problems"]!.AsArray().Select(p => p!.Text("param")));
        Assert.True(answer.ContainsKey("estimate"));
        Assert.Null(answer["estimate"]);
        Assert.Null(answer["training_file"]);
    }

    [Fact]
    public async Task RowsOfEveryFate_AreCountedWithTheirNumbers()
    {
        static string Row(string prompt, string chosen, string rejected) => new JsonObject { ["prompt"] = prompt, ["chosen"] = chosen, ["rejected"] = rejected }.ToJsonString();
        // After the cut nothing is left of where they differ.
        string same = string.Concat(Enumerable.Repeat(" lion", 60));
        string train = Row("One lion:", " Yes.", " No, not at all.") + "\n" + Row("Two lions:", same + " yes", same + " no") + "\n"
            + Row("One lion:", " Yes.", " No, not at all.") + "\n" + Row(string.Concat(Enumerable.Repeat("lion ", 60)), " Yes.", " No.") + "\n";
        string training = await UploadAsync(train), validation = await UploadAsync(Row("One lion:", " It is.", " No.") + "\n" + Row("Three:", " It is.", " No.") + "\n");
        JsonObject answer = await ValidateAsync($$$"""
            {"model": "demo-model", "training_file": "{{{training}}}", "validation_file": "{{{validation}}}",
             "method": {"type": "dpo", "dpo": {"hyperparameters": {"max_length": 40, "max_prompt_length": null} } } }
            """);
        JsonNode report = answer["training_file"]!["report"]!;
        Assert.Equal([3], Rows(report["duplicates"]!));
        Assert.Equal([2], Rows(report["identical_completions"]!));
        Assert.Equal([4], Rows(Assert.Single(report["dropped"]!.AsArray())!));
        Assert.Contains("max_length (40)", report["dropped"]![0]!.Text("reason"));
        Assert.Equal([1], Rows(answer["validation_file"]!["report"]!["prompts_in_training"]!));
        Assert.Equal(0, report["chosen_longer_share"]!.GetValue<double>());
    }

    [Fact]
    public async Task FileWithoutUsableRows_IsAProblem()
    {
        string file = await server.UploadGoodFileAsync();
        JsonObject answer = await ValidateAsync($$$"""{"model": "demo-model", "training_file": "{{{file}}}", "method": {"type": "dpo", "dpo": {"hyperparameters": {"max_length": 2} } } }""");
        JsonNode problem = Assert.Single(answer["problems"]!.AsArray())!;
        Assert.Equal("training_file", problem.Text("param"));
        Assert.Contains("None of the 1 rows", problem.Text("message"));
        Assert.Null(answer["estimate"]);
    }

    [Fact]
    public async Task Time_FollowsFromTheLastMeasuredJob()
    {
        string file = await server.UploadGoodFileAsync();
        string request = $$$"""{"model": "demo-model", "training_file": "{{{file}}}", "method": {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 5} } } }""";
        JsonNode unknown = (await ValidateAsync(request))["estimate"]!;
        Assert.Null(unknown["seconds"]);
        Assert.Contains("No job has been measured", unknown.Text("seconds_basis"));

        string id = (await server.CreateGoodJobAsync()).Text("id");
        await using (TrainingDbContext db = server.CreateContext())
            await db.Jobs.Where(j => j.Id == id).ExecuteUpdateAsync(set => set.SetProperty(j => j.PairsPerSecond, 4.0)
                .SetProperty(j => j.DatasetReport, """{"training": {"kept": 2, "tokens_read": 20}}"""));
        JsonNode known = (await ValidateAsync(request))["estimate"]!;
        Assert.Equal(known["tokens"]!.GetValue<long>() / 40.0, known["seconds"]!.GetValue<double>(), 9);

        await using (TrainingDbContext db = server.CreateContext())
            await db.Jobs.Where(j => j.Id == id).ExecuteUpdateAsync(set => set.SetProperty(j => j.PairsPerSecond, (double?)null));
    }

    [Fact]
    public async Task UnreadableBody_IsAnError()
    {
        using HttpResponseMessage response = await PostAsync("{");
        Assert.Contains("not valid JSON", (await response.ErrorAsync(HttpStatusCode.BadRequest)).Message());
    }

    private static IEnumerable<int> Rows(JsonNode group) => group["first_rows"]!.AsArray().Select(r => r!.GetValue<int>());

    private Task<string> UploadSampleAsync(string name) => UploadAsync(File.ReadAllText(RepositoryRoot.PathOf($"samples/{name}")));

    private async Task<string> UploadAsync(string rows)
    {
        using HttpResponseMessage response = await server.UploadTextAsync(rows);
        return (await response.JsonAsync()).Text("id");
    }

    private async Task<JsonObject> ValidateAsync(string json)
    {
        using HttpResponseMessage response = await PostAsync(json);
        return await response.JsonAsync();
    }

    private async Task<HttpResponseMessage> PostAsync(string json)
    {
        using var content = new StringContent(json, Encoding.UTF8, "application/json");
        return await server.Client.PostAsync("/v1/fine_tuning/jobs/validate", content);
    }
}
