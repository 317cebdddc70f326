using System.ClientModel;
using System.Diagnostics;
using OpenAI.Chat;
using OpenAI.Files;
using OpenAI.FineTuning;
using OpenAI.Models;

namespace TrainingService.Sdk.Tests.DotNet;

/// <summary>What goes wrong reaches callers of the SDK as its exceptions, with the service's words.</summary>
public sealed class ErrorTests(RunningService service)
{
    [Fact]
    public async Task UnknownThings_Are404()
    {
        ClientResultException file = await FailsAsync(404, () => service.OpenAI().GetOpenAIFileClient().GetFileAsync("file-nobody"));
        Assert.Contains("No such File object: file-nobody", file.Message, StringComparison.Ordinal);
        Assert.NotEmpty(file.GetRawResponse()!.Headers.TryGetValue("x-request-id", out string? id) ? id! : "");
        await FailsAsync(404, async () => await service.FineTuning().GetJobAsync("ftjob-nobody"));
        await FailsAsync(404, () => service.OpenAI().GetOpenAIModelClient().GetModelAsync("nobody"));
        await FailsAsync(404, () => service.OpenAI().GetChatClient("nobody").CompleteChatAsync(new UserChatMessage("Hello")));
    }

    [Fact]
    public async Task BadRows_Are400AndNamed()
    {
        ClientResultException bad = await FailsAsync(400, () => service.OpenAI().GetOpenAIFileClient().UploadFileAsync(BinaryData.FromString("{\"prompt\": \"Hello\"}\n"), "rows.jsonl", FileUploadPurpose.FineTune));
        Assert.Contains("rows.jsonl was not stored", bad.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PairsWithoutAMethod_Are400AndSayWhichToGive()
    {
        OpenAIFile training = await service.OpenAI().GetOpenAIFileClient().UploadFileAsync(Samples.Training, FileUploadPurpose.FineTune);
        ClientResultException supervised = await FailsAsync(400, async () => await service.FineTuning().FineTuneAsync(Samples.Model, training.Id, waitUntilCompleted: false));
        Assert.Contains("Add \"method\": {\"type\": \"dpo\"}", supervised.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TypedDpoJob_IsTaken()
    {
        OpenAIFile training = await service.OpenAI().GetOpenAIFileClient().UploadFileAsync(Samples.Training, FileUploadPurpose.FineTune);
        FineTuningJob job = await service.FineTuning().FineTuneAsync(Samples.Model, training.Id, waitUntilCompleted: false, new FineTuningOptions
        {
            TrainingMethod = FineTuningTrainingMethod.CreateDirectPreferenceOptimization(batchSize: 2, epochCount: 1, learningRate: 2, betaFactor: 1),
            Suffix = "typed",
        });
        Assert.Equal("typed", job.UserProvidedSuffix);
        await job.CancelAndUpdateAsync();
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Refusals_AreTriedAgainAfterTheSecondsTheyAskFor(int status)
    {
        await using Proxy proxy = await Proxy.StartAsync(service, status, refusals: 2, retryAfter: 2);
        var clock = Stopwatch.StartNew();
        Assert.NotEmpty((await service.OpenAI(proxy.BaseUrl).GetOpenAIModelClient().GetModelsAsync()).Value);
        Assert.Equal(3, proxy.Requests);
        Assert.True(clock.Elapsed >= TimeSpan.FromSeconds(3.9), $"It waited {clock.Elapsed} only.");
    }

    [Fact]
    public async Task BadRequest_IsNotTriedAgain()
    {
        await using Proxy proxy = await Proxy.StartAsync(service);
        await FailsAsync(404, () => service.OpenAI(proxy.BaseUrl).GetOpenAIModelClient().GetModelAsync("nobody"));
        Assert.Equal(1, proxy.Requests);
    }

    private static async Task<ClientResultException> FailsAsync(int status, Func<Task> call)
    {
        ClientResultException exception = await Assert.ThrowsAsync<ClientResultException>(call);
        Assert.Equal(status, exception.Status);
        return exception;
    }
}
