using System.Diagnostics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using TrainingService.Inference.Models;
using TrainingService.Storage.Keys;
using TrainingService.Tests;

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
}
