using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Training.Generation;

namespace TrainingService.EndToEnd.Tests;

/// <summary>A real instruct model on real rows, through HTTP against Api, Worker and PostgreSQL, as TRL trains it.</summary>
public class SmolLM2Tests(PostgresServer server, ITestOutputHelper output)
{
    [Fact]
    public async Task EveryStep_IsTrls_AndTheDownloadedAdapterIsThePolicy()
    {
        string model = SmolLM2.Folder(), golden = RepositoryRoot.SharedPath("golden", "smollm2");
        string[] rows = File.ReadLines(RepositoryRoot.SharedPath("data", "preference", "orca", "orca_dpo_pairs.validation.jsonl")).Take(16).ToArray();
        await using Deployment deployment = await Deployment.StartAsync(server);
        Directory.CreateSymbolicLink(Path.Combine(deployment.ModelsFolder, "smollm2"), model);
        WriteInitialAdapter(Path.Combine(deployment.ModelsFolder, "smollm2-initial"), golden);
        HostProcess worker = await deployment.StartWorkerAsync();

        // The policy at the end is measured on a few rows: each costs seconds.
        string[] measured = rows[..4];
        string file = await deployment.Api.UploadAsync("orca.jsonl", string.Join('\n', rows)), validation = await deployment.Api.UploadAsync("measured.jsonl", string.Join('\n', measured));
        var settings = new JsonObject
        {
            ["batch_size"] = 2, ["n_epochs"] = 1, ["logging_steps"] = 1, ["max_length"] = 512, ["max_prompt_length"] = null,
            ["train_sampling_strategy"] = "sequential", ["dtype"] = "float32", ["reference"] = "base",
        };
        long estimate = await deployment.Api.EstimateMemoryAsync("smollm2-initial", file, settings);
        string id = await deployment.Api.CreateJobAsync("smollm2-initial", file, settings, validationFile: validation);
        JsonElement job = await deployment.Api.SucceededAsync(id);
        MemoryEstimateTests.Compare(estimate, worker, output);

        IReadOnlyList<JsonElement> metrics = await deployment.Api.MetricsAsync(id, "train");
        JsonElement[] expected = [.. JsonDocument.Parse(File.ReadAllBytes(Path.Combine(golden, "run.json"))).RootElement.GetProperty("log").EnumerateArray().Where(l => l.TryGetProperty("loss", out _))];
        Assert.Equal(expected.Length, metrics.Count);
        double loss = 0, rewards = 0, logps = 0;
        foreach ((JsonElement step, JsonElement trl) in metrics.Zip(expected))
        {
            JsonElement values = step.GetProperty("values");
            loss = Math.Max(loss, Differ("loss"));
            foreach (string name in new[] { "rewards/chosen", "rewards/rejected", "rewards/margins" }) rewards = Math.Max(rewards, Differ(name));
            foreach (string name in new[] { "logps/chosen", "logps/rejected" }) logps = Math.Max(logps, Differ(name) / Math.Abs(trl.GetProperty(name).GetDouble()));
            Assert.Equal(trl.GetProperty("num_tokens").GetDouble(), values.GetProperty("num_tokens").GetDouble());

            double Differ(string name) => Math.Abs(values.GetProperty(name).GetDouble() - trl.GetProperty(name).GetDouble());
        }
        output.WriteLine($"largest differences: loss {loss:g3}, rewards {rewards:g3}, log-probabilities {logps:g3} relative");
        Assert.InRange(loss, 0, 2e-4);
        Assert.InRange(rewards, 0, 1e-3);
        Assert.InRange(logps, 0, 1e-4);

        string adapter = Path.Combine(deployment.Scratch, "adapter");
        await deployment.Api.DownloadAdapterAsync(id, adapter);
        JsonElement evaluated = (await deployment.Api.MetricsAsync(id, "eval"))[^1].GetProperty("values");
        (double chosen, double rejected) = Score(model, adapter, measured);
        output.WriteLine($"downloaded adapter: {chosen} and {rejected}, policy at the end {evaluated.GetProperty("logps/chosen")} and {evaluated.GetProperty("logps/rejected")}");
        Assert.Equal(Mean(evaluated, "logps/chosen"), chosen, Math.Abs(chosen) * 1e-4);
        Assert.Equal(Mean(evaluated, "logps/rejected"), rejected, Math.Abs(rejected) * 1e-4);
        Assert.Equal(JsonValueKind.String, job.GetProperty("fine_tuned_model").ValueKind);

        static double Mean(JsonElement values, string name) => values.GetProperty(name).GetDouble();
    }

    private static void WriteInitialAdapter(string folder, string golden)
    {
        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine(golden, "initial_adapter.safetensors"), Path.Combine(folder, "adapter_model.safetensors"));
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"),
            """{"peft_type": "LORA", "base_model_name_or_path": "smollm2", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}""");
    }

    /// <summary>Mean of the batch means, as TRL averages an evaluation.</summary>
    private static (double Chosen, double Rejected) Score(string model, string adapter, string[] rows)
    {
        ModelTokenizer tokenizer = ModelTokenizer.Load(model);
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(model, tokenizer), new PreparationOptions(512, null));
        using var stream = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(string.Join('\n', rows)));
        IReadOnlyList<TokenizedPair> pairs = [.. preparer.Prepare(TrainingFile.Read(stream), CancellationToken.None).Rows.Cast<TokenizedPair>()];
        using GenerationModel policy = GenerationModel.Load(model, adapter, ComputeType.Float32);
        return (BatchMeans(p => p.ChosenIds), BatchMeans(p => p.RejectedIds));

        double BatchMeans(Func<TokenizedPair, int[]> completion) =>
            pairs.Chunk(2).Select(batch => batch.Average(p => (double)policy.Score([.. p.PromptIds, .. completion(p)]).Skip(p.PromptIds.Length - 1).Sum())).Average();
    }
}
