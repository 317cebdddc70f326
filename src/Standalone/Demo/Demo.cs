using System.Text.Json;
using System.Text.Json.Nodes;

namespace TrainingService.Standalone.Demo;

/// <summary>
/// The main job from end to end: upload, create, watch, validate, download, compare. The sample model answers simple
/// questions, sometimes plainly and sometimes with flattery; the sample preferences are for plain answers.
/// </summary>
internal sealed class Demo(DemoClient client, DemoReport report, string samplesFolder, string dataFolder)
{
    private const string Model = "demo-model";

    public async Task<DemoResult> RunAsync(CancellationToken cancellationToken)
    {
        report.Heading("Before: the sample model answers 60 questions");
        Answers before = await AskAllAsync(Model, cancellationToken);
        report.Tell($"{before.Plain} of {before.All.Count} plainly, {before.Right} rightly, {before.MeanCharacters:f0} characters on average");

        report.Heading("Upload the preferences");
        string training = await UploadAsync("concise-train.jsonl", cancellationToken);
        string validation = await UploadAsync("concise-validation.jsonl", cancellationToken);

        report.Heading("Train");
        JsonElement job = await WatchAsync(await client.CreateJobAsync(JobOf(training, validation), cancellationToken), cancellationToken);
        string id = job.GetProperty("id").GetString()!, tuned = job.GetProperty("fine_tuned_model").GetString()!;
        report.Tell($"succeeded: {tuned}");

        report.Heading("Validation");
        report.Validation(await client.GetAsync($"/v1/fine_tuning/jobs/{id}/metrics?split=eval", cancellationToken));

        report.Heading("Download the adapter");
        Directory.CreateDirectory(dataFolder);
        string zip = Path.Combine(dataFolder, "adapter.zip");
        long bytes = await client.DownloadAsync($"/v1/fine_tuning/jobs/{id}/adapter", zip, cancellationToken);
        report.Tell($"{Path.GetFullPath(zip)} ({bytes / 1024} KiB): adapter_config.json and adapter_model.safetensors, as PEFT, vLLM and llama.cpp read them");

        report.Heading("After: the tuned model answers the same questions");
        Answers after = await AskAllAsync(tuned, cancellationToken);
        report.Table(before, after);
        return new(before, after);
    }

    // The settings with which the sample was made; whatever is absent takes the recipe's default.
    private static JsonObject JobOf(string training, string validation) => new()
    {
        ["model"] = Model,
        ["training_file"] = training,
        ["validation_file"] = validation,
        ["suffix"] = "concise",
        ["method"] = new JsonObject
        {
            ["type"] = "dpo",
            ["dpo"] = new JsonObject
            {
                ["hyperparameters"] = new JsonObject
                {
                    ["beta"] = 0.3,
                    ["batch_size"] = 8,
                    ["n_epochs"] = 2,
                    ["learning_rate"] = 1e-3,
                    ["max_length"] = 512,
                    ["dtype"] = "float32",
                },
                ["lora"] = new JsonObject { ["target_modules"] = "all-linear" },
            },
        },
    };

    private async Task<string> UploadAsync(string name, CancellationToken cancellationToken)
    {
        string id = await client.UploadAsync(Path.Combine(samplesFolder, name), cancellationToken);
        report.Tell($"{name} is {id}");
        return id;
    }

    private async Task<JsonElement> WatchAsync(string id, CancellationToken cancellationToken)
    {
        report.Tell($"job {id}");
        while (true)
        {
            JsonElement job = await client.GetAsync($"/v1/fine_tuning/jobs/{id}", cancellationToken);
            report.Progress(job);
            switch (job.GetProperty("status").GetString())
            {
                case "succeeded":
                    report.EndProgress();
                    return job;
                case "failed":
                    report.EndProgress();
                    throw new DemoException($"The job failed: {job.GetProperty("error").GetProperty("message").GetString()}");
                case "cancelled":
                    report.EndProgress();
                    throw new DemoException("The job was cancelled.");
            }
            await Task.Delay(TimeSpan.FromMilliseconds(250), cancellationToken);
        }
    }

    private async Task<Answers> AskAllAsync(string model, CancellationToken cancellationToken)
    {
        using JsonDocument questions = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(samplesFolder, "questions.json"), cancellationToken));
        return new(await Task.WhenAll(questions.RootElement.EnumerateArray().Select(async (q, i) =>
        {
            (string question, string expected) = (q.GetProperty("question").GetString()!, q.GetProperty("answer").GetString()!);
            return new Answered(question, expected, await client.AskAsync(model, question, seed: i, cancellationToken));
        })));
    }
}
