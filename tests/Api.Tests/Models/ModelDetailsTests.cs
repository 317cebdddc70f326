using System.Text.Json.Nodes;
using TrainingService.Domain.Jobs;
using TrainingService.Storage.Database;
using TrainingService.Storage.Hosting;
using TrainingService.Tests;

namespace TrainingService.Api.Tests.Models;

/// <summary>What GET /v1/models/{id} knows of models in folders and of those that jobs made.</summary>
public sealed class ModelDetailsTests(ApiServer server) : IClassFixture<ApiServer>
{
    private static readonly DateTime s_now = new(2026, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    private string AddFolder(string id, params (string Name, string Content)[] files)
    {
        string folder = Directory.CreateDirectory(Path.Combine([server.ModelsFolder, .. id.Split('/')])).FullName;
        foreach ((string name, string content) in files) File.WriteAllText(Path.Combine(folder, name), content);
        return folder;
    }

    [Fact]
    public async Task SampleModel_IsDescribed()
    {
        JsonObject model = await server.GetAsync("/v1/models/demo-model");
        string folder = RepositoryRoot.PathOf("samples", "demo-model");
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!.AsObject();
        Assert.Equal(("ready", "llama", true), (model.Text("status"), model.Text("architecture"), model["trainable"]!.GetValue<bool>()));
        Assert.Equal(config["max_position_embeddings"]!.GetValue<int>(), model["context_length"]!.GetValue<int>());
        Assert.Equal(Directory.EnumerateFiles(folder).Sum(f => new FileInfo(f).Length), model["size_bytes"]!.GetValue<long>());
        // The sample has no other tensors than bfloat16 ones: two bytes each, after a header.
        using FileStream weights = File.OpenRead(Path.Combine(folder, "model.safetensors"));
        long header = new BinaryReader(weights).ReadInt64();
        Assert.Equal("bfloat16", model.Text("dtype"));
        Assert.Equal((weights.Length - sizeof(long) - header) / 2, model["parameters"]!.GetValue<long>());
        Assert.True(model["tokenizer"]!.GetValue<bool>());
        Assert.True(model["chat_template"]!.GetValue<bool>());
        Assert.All(["base_model", "method", "revision", "download", "not_trainable_reason"], field => Assert.Null(model[field]));
    }

    [Theory]
    [InlineData("bert", """{"model_type": "bert"}""", "model.safetensors", "model_type = bert")]
    [InlineData("quantised", """{"model_type": "llama", "quantization_config": {"quant_method": "awq"}}""", "model.safetensors", "quant_method = awq")]
    [InlineData("pickle", """{"model_type": "llama"}""", "pytorch_model.bin", "pickle files (pytorch_model.bin)")]
    [InlineData("damaged", """{"model_type": "llama"}""", "model.safetensors", "")]
    [InlineData("empty", """{"model_type": "llama"}""", "README.md", "neither model.safetensors nor")]
    [InlineData("strange", "[1", "README.md", "config.json cannot be read")]
    public async Task ModelThatCannotBeTrained_SaysWhy(string name, string config, string file, string reason)
    {
        AddFolder($"cases/{name}", ("config.json", config), (file, "no weights"));
        JsonObject model = await server.GetAsync($"/v1/models/cases/{name}");
        Assert.False(model["trainable"]!.GetValue<bool>());
        Assert.NotEmpty(model.Text("not_trainable_reason"));
        Assert.Contains(reason, model.Text("not_trainable_reason"));
    }

    [Fact]
    public async Task WhatTheEngineRefused_IsKnownFromThenOn()
    {
        string folder = AddFolder("acme/odd");
        foreach (string file in Directory.EnumerateFiles(RepositoryRoot.PathOf("samples", "demo-model"))) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        Assert.True((await server.GetAsync("/v1/models/acme/odd"))["trainable"]!.GetValue<bool>());
        string job = await AddJobAsync("acme/odd");
        await server.RunAsync(job);
        await server.ChangeAsync(job, j => j.Fail("unsupported_model", "config.json has frobnicate = 3, which is not known here.", "model", s_now));
        JsonObject refused = await server.GetAsync("/v1/models/acme/odd");
        Assert.False(refused["trainable"]!.GetValue<bool>());
        Assert.Equal("config.json has frobnicate = 3, which is not known here.", refused.Text("not_trainable_reason"));
    }

    [Fact]
    public async Task TunedModel_NamesItsBase()
    {
        string job = await AddJobAsync("demo-model");
        await server.RunAsync(job);
        await server.ChangeAsync(job, j => j.Succeed($"ft:demo-model:local::{job[6..]}", "adapters/1", [], s_now));
        JsonObject tuned = await server.GetAsync($"/v1/models/ft:demo-model:local::{job[6..]}");
        Assert.Equal(("demo-model", "dpo", "llama", "ready"), (tuned.Text("base_model"), tuned.Text("method"), tuned.Text("architecture"), tuned.Text("status")));
        Assert.True(tuned["trainable"]!.GetValue<bool>());
    }

    private async Task<string> AddJobAsync(string model)
    {
        string id = $"ftjob-{Guid.NewGuid():N}";
        await using TrainingDbContext db = server.CreateContext();
        db.Add(new FineTuningJob(id, model, "file-x", null, "{}", 7, null, null, s_now));
        await db.SaveChangesAsync();
        return id;
    }
}
