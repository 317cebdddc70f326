using System.Diagnostics;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Domain.Recipes;
using TrainingService.Inference.Models;
using TrainingService.Storage.Keys;
using TrainingService.Tests;
using TrainingService.Training.Generation;

namespace TrainingService.Inference.Tests.Models;

public class ModelPoolTests
{
    [Fact]
    public async Task UnusedModel_IsUnloadedAndLoadedAgain()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(("Inference:KeepAlive", "00:00:00.050"));
        string first = (await server.ChatAsync("Add five and one.")).Content();
        ModelPool pool = server.Services.GetRequiredService<ModelPool>();

        var patience = Stopwatch.StartNew();
        while (pool.Count > 0 && patience.Elapsed < TimeSpan.FromSeconds(30)) await Task.Delay(10);

        Assert.Equal(0, pool.Count);
        Assert.Equal(first, (await server.ChatAsync("Add five and one.")).Content());
    }

    [Fact]
    public async Task ModelUnusedForLongest_MakesRoom_AndModelsInUseDoNot()
    {
        await using InferenceServer server = await InferenceServer.StartAsync(("Inference:MaxLoadedModels", "1"));
        string other = Directory.CreateDirectory(Path.Combine(server.ModelsFolder, "other")).FullName;
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.PathOf("samples", "demo-model"))) File.Copy(file, Path.Combine(other, Path.GetFileName(file)));
        ModelPool pool = server.Services.GetRequiredService<ModelPool>();

        await server.ChatAsync("Add five and one.");
        using (ModelLease lease = await pool.AcquireAsync("other", Caller.Service, CancellationToken.None))
        {
            Assert.Equal(1, pool.Count);
            using HttpResponseMessage refused = await server.PostAsync("/v1/chat/completions", InferenceServer.Chat("Hello", ""));
            Assert.Contains("Inference:MaxLoadedModels", (await refused.ErrorAsync(HttpStatusCode.ServiceUnavailable)).Message);
            Assert.NotNull(refused.Headers.RetryAfter);
        }
        await server.ChatAsync("Add five and one.");
        Assert.Equal(1, pool.Count);
    }

    [Fact]
    public async Task LoadIn4Bit_AnswersAsNf4Does()
    {
        int[] ids = [5, 6, 300, 7, 42];
        await using InferenceServer server = await InferenceServer.StartAsync(("Inference:LoadIn4Bit", "true"));
        JsonObject scored = await server.CompleteAsync(JsonSerializer.Serialize(ids), ", \"max_tokens\": 0, \"echo\": true, \"logprobs\": 0");

        float[] actual = [.. scored["choices"]![0]!["logprobs"]!["token_logprobs"]!.AsArray().Skip(1).Select(l => l!.GetValue<float>())];
        Assert.Equal(Score(loadIn4Bit: true), actual);
        Assert.NotEqual(Score(loadIn4Bit: false), actual);

        float[] Score(bool loadIn4Bit)
        {
            using GenerationModel model = GenerationModel.Load(RepositoryRoot.PathOf("samples", "demo-model"), null, ComputeType.Float32, loadIn4Bit);
            return [.. model.Score(ids, 0).Select(t => t.Token.LogProb)];
        }
    }
}
