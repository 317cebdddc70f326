using System.ClientModel;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Files;
using OpenAI.FineTuning;
using OpenAI.Models;

namespace TrainingService.Sdk.Tests.DotNet;

/// <summary>OpenAI's own SDK for .NET does the whole main job, with nothing but another base URL.</summary>
public sealed class MainJobTests(RunningService service)
{
    private readonly OpenAIClient _openAI = service.OpenAI();
    private readonly FineTuningClient _fineTuning = service.FineTuning();

    [Fact]
    public async Task MainJob_RunsFromUploadToDeletion()
    {
        OpenAIFileClient files = _openAI.GetOpenAIFileClient();
        OpenAIFile training = await files.UploadFileAsync(Samples.Training, FileUploadPurpose.FineTune);
        OpenAIFile validation = await files.UploadFileAsync(Samples.Validation, FileUploadPurpose.FineTune);
        Assert.Equal(new FileInfo(Samples.Training).Length, training.SizeInBytesLong);
        Assert.Equal("concise-train.jsonl", training.Filename);
        Assert.Equal(File.ReadAllBytes(Samples.Training), (await files.DownloadFileAsync(training.Id)).Value.ToArray());
        Assert.Contains(training.Id, (await files.GetFilesAsync(FilePurpose.FineTune)).Value.Select(f => f.Id));

        FineTuningJob job = await CreateJobAsync(training.Id, validation.Id);
        Assert.Equal(Samples.Model, job.BaseModel);
        Assert.Equal([training.Id, validation.Id], [job.TrainingFileId, job.ValidationFileId]);
        ClientResultException needed = await Assert.ThrowsAsync<ClientResultException>(() => files.DeleteFileAsync(training.Id));
        Assert.Equal(409, needed.Status);

        await SucceededAsync(job);
        Assert.StartsWith("ft:demo-model:local:dotnet:", job.Value, StringComparison.Ordinal);
        Assert.Equal(7, job.Seed);

        await PagesHoldEverythingOnceAsync(job);
        await ResultFilesHoldTheAdapterAsync(files, job);
        await ModelsAnswerAsync(job.Value!);

        OpenAIModelClient models = _openAI.GetOpenAIModelClient();
        Assert.True((await models.DeleteModelAsync(job.Value)).Value.Deleted);
        ClientResultException deleted = await Assert.ThrowsAsync<ClientResultException>(() => models.GetModelAsync(job.Value));
        Assert.Equal(404, deleted.Status);
        Assert.True((await files.DeleteFileAsync(training.Id)).Value.Deleted);
        ClientResultException gone = await Assert.ThrowsAsync<ClientResultException>(() => files.GetFileAsync(training.Id));
        Assert.Equal(404, gone.Status);
    }

    [Fact]
    public async Task SupervisedJob_TrainsOnConversations_AndADpoJobGoesOnFromItsModel()
    {
        OpenAIFileClient files = _openAI.GetOpenAIFileClient();
        OpenAIFile conversations = await files.UploadFileAsync(Samples.Conversations, "conversations.jsonl", FileUploadPurpose.FineTune);
        FineTuningJob supervised = await _fineTuning.FineTuneAsync(Samples.Model, conversations.Id, waitUntilCompleted: false, new FineTuningOptions
        {
            TrainingMethod = FineTuningTrainingMethod.CreateSupervised(batchSize: 60, epochCount: 1, learningRate: 20),
            Suffix = "taught",
        });
        await SucceededAsync(supervised);
        Assert.StartsWith("ft:demo-model:local:taught:", supervised.Value, StringComparison.Ordinal);

        OpenAIFile pairs = await files.UploadFileAsync(Samples.Training, FileUploadPurpose.FineTune);
        FineTuningJob preferred = await CreateJobAsync(pairs.Id, null, supervised.Value!);
        Assert.Equal(supervised.Value, preferred.BaseModel);
        await SucceededAsync(preferred);
        await ModelsAnswerAsync(preferred.Value!);
    }

    [Fact]
    public async Task CancelledJob_IsListedAmongOthersOverPages()
    {
        OpenAIFile training = await _openAI.GetOpenAIFileClient().UploadFileAsync(Samples.Training, FileUploadPurpose.FineTune);
        List<string> created = [];
        for (int i = 0; i < 3; i++)
        {
            FineTuningJob job = await CreateJobAsync(training.Id, null);
            await job.CancelAndUpdateAsync();
            created.Add(job.JobId);
        }
        List<string> listed = [];
        await foreach (FineTuningJob job in _fineTuning.GetJobsAsync(new FineTuningJobCollectionOptions { PageSize = 1 })) listed.Add(job.JobId);
        Assert.Equal(created.AsEnumerable().Reverse(), listed.Where(created.Contains));
        Assert.Equal(listed.Count, listed.Distinct().Count());
        List<string> after = [];
        await foreach (FineTuningJob job in _fineTuning.GetJobsAsync(new FineTuningJobCollectionOptions { AfterJobId = created[2] })) after.Add(job.JobId);
        Assert.DoesNotContain(created[2], after);
        Assert.Contains(created[0], after);
        FineTuningJob last = await _fineTuning.GetJobAsync(created[2]);
        while (last.Status.InProgress) await Task.Delay(100).ContinueWith(_ => last.UpdateStatus(), TaskScheduler.Default);
        Assert.Equal(FineTuningStatus.Cancelled, last.Status);
    }

    [Fact]
    public async Task Upload_IsPutTogetherFromParts()
    {
        OpenAIFileClient files = _openAI.GetOpenAIFileClient();
        byte[] bytes = File.ReadAllBytes(Samples.Validation);
        BinaryData request = BinaryData.FromObjectAsJson(new { filename = "parts.jsonl", purpose = "fine-tune", bytes = bytes.Length, mime_type = "text/jsonl" });
        string upload = Text(await files.CreateUploadAsync(BinaryContent.Create(request)), "id");
        string second = await AddPartAsync(bytes[1000..]), first = await AddPartAsync(bytes[..1000]);
        ClientResult completed = await files.CompleteUploadAsync(upload, BinaryContent.Create(BinaryData.FromObjectAsJson(new { part_ids = new[] { first, second } })));
        Assert.Equal("completed", Text(completed, "status"));
        string id = JsonDocument.Parse(completed.GetRawResponse().Content).RootElement.GetProperty("file").GetProperty("id").GetString()!;
        Assert.Equal(bytes, (await files.DownloadFileAsync(id)).Value.ToArray());

        string given = Text(await files.CreateUploadAsync(BinaryContent.Create(request)), "id");
        Assert.Equal("cancelled", Text(await files.CancelUploadAsync(given, null), "status"));

        async Task<string> AddPartAsync(byte[] part)
        {
            using var form = new MultipartFormDataContent { { new ByteArrayContent(part), "data", "part" } };
            using var content = BinaryContent.Create(await form.ReadAsStreamAsync());
            return Text(await files.AddUploadPartAsync(upload, content, form.Headers.ContentType!.ToString()), "id");
        }

        static string Text(ClientResult result, string name) => JsonDocument.Parse(result.GetRawResponse().Content).RootElement.GetProperty(name).GetString()!;
    }

    // The typed beta of this SDK is a whole number, so callers send the request themselves.
    private async Task<FineTuningJob> CreateJobAsync(string training, string? validation, string model = Samples.Model)
    {
        BinaryData request = BinaryData.FromObjectAsJson(new
        {
            model, training_file = training, validation_file = validation, suffix = "dotnet", seed = 7,
            metadata = new Dictionary<string, string> { ["from"] = ".NET" },
            method = new { type = "dpo", dpo = new { hyperparameters = Samples.Hyperparameters } },
        });
        return await _fineTuning.FineTuneAsync(BinaryContent.Create(request), waitUntilCompleted: false, options: null);
    }

    private static async Task SucceededAsync(FineTuningJob job)
    {
        await job.WaitForCompletionAsync().AsTask().WaitAsync(TimeSpan.FromMinutes(5));
        Assert.True(job.Status == FineTuningStatus.Succeeded, $"The job is {job.Status}.");
    }

    private static async Task PagesHoldEverythingOnceAsync(FineTuningJob job)
    {
        List<FineTuningCheckpoint> checkpoints = [];
        await foreach (FineTuningCheckpoint checkpoint in job.GetCheckpointsAsync(new GetCheckpointsOptions { PageSize = 5 })) checkpoints.Add(checkpoint);
        Assert.Equal(Enumerable.Range(1, 12).Reverse(), checkpoints.Select(c => c.StepNumber));
        Assert.All(checkpoints, c => Assert.Equal(job.JobId, c.JobId));
        Assert.All(checkpoints, c => Assert.True(c.Metrics.TrainLoss > 0));

        List<FineTuningEvent> events = [];
        await foreach (FineTuningEvent e in job.GetEventsAsync(new GetEventsOptions { PageSize = 7 })) events.Add(e);
        Assert.Equal(events.Count, events.Select(e => e.Id).Distinct().Count());
        Assert.Equal(12, events.Count(e => e.Message.StartsWith("Step ", StringComparison.Ordinal)));
        Assert.Contains("succeeded", events[0].Message, StringComparison.Ordinal);
        Assert.Contains(job.JobId, events[^1].Message, StringComparison.Ordinal);
    }

    private static async Task ResultFilesHoldTheAdapterAsync(OpenAIFileClient files, FineTuningJob job)
    {
        List<OpenAIFile> results = [];
        foreach (string id in job.ResultFileIds) results.Add(await files.GetFileAsync(id));
        Assert.All(results, r => Assert.Equal(FilePurpose.FineTuneResults, r.Purpose));
        OpenAIFile adapter = results.Single(r => r.Filename.EndsWith(".zip", StringComparison.Ordinal));
        using var zip = new ZipArchive((await files.DownloadFileAsync(adapter.Id)).Value.ToStream());
        Assert.NotNull(zip.GetEntry("adapter_config.json"));
        Assert.NotNull(zip.GetEntry("adapter_model.safetensors"));
        OpenAIFile metrics = results.Single(r => r.Filename.EndsWith(".csv", StringComparison.Ordinal));
        Assert.Equal(12, (await files.DownloadFileAsync(metrics.Id)).Value.ToString().Trim().Split('\n').Length - 1);
    }

    private async Task ModelsAnswerAsync(string tuned)
    {
        OpenAIModelClient models = _openAI.GetOpenAIModelClient();
        string[] names = [.. (await models.GetModelsAsync()).Value.Select(m => m.Id)];
        Assert.Contains(Samples.Model, names);
        Assert.Contains(tuned, names);
        Assert.Equal(tuned, (await models.GetModelAsync(tuned)).Value.Id);

        foreach (string name in new[] { tuned, $"{tuned}:ckpt-step-6" })
        {
            ChatClient chat = _openAI.GetChatClient(name);
            ChatMessage[] messages = [new UserChatMessage("Which sound does the owl make?")];
            var greedy = new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 32 };
            ChatCompletion whole = await chat.CompleteChatAsync(messages, greedy);
            Assert.Equal(ChatFinishReason.Stop, whole.FinishReason);
            Assert.Contains("owl", whole.Content[0].Text, StringComparison.Ordinal);
            Assert.True(whole.Usage.OutputTokenCount > 0);
            var streamed = new StringBuilder();
            await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync(messages, greedy))
                foreach (ChatMessageContentPart part in update.ContentUpdate) streamed.Append(part.Text);
            Assert.Equal(whole.Content[0].Text, streamed.ToString());
        }
    }
}
