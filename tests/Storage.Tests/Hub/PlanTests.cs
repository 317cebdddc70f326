using System.Text;
using TrainingService.Storage.Hub;
using TrainingService.Storage.Models;
using TrainingService.Tests;

namespace TrainingService.Storage.Tests.Hub;

/// <summary>What is fetched of a repository, and what is refused.</summary>
public sealed class PlanTests : IAsyncLifetime
{
    private const string Llama = """{"model_type": "llama"}""";

    private FakeHub _hub = null!;

    public async ValueTask InitializeAsync() => _hub = await FakeHub.StartAsync();

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    private FakeHub.Repository Add(params (string Name, string Content)[] files) => _hub.Add("acme/tiny", files.Select(f => (f.Name, Encoding.UTF8.GetBytes(f.Content))));

    private async Task<string[]> PlanAsync(string model = "acme/tiny", string revision = "main", string? token = null, ModelFolder? folders = null)
    {
        using var client = new HubClient(Microsoft.Extensions.Options.Options.Create(new HubOptions { Endpoint = _hub.Endpoint, Token = token }));
        DownloadPlan plan = await new DownloadPlanner(client, folders ?? new ModelFolder()).PlanAsync(model, revision, CancellationToken.None);
        return [.. plan.Files.Select(f => f.Name).Order(StringComparer.Ordinal)];
    }

    private async Task<HubException> RefusedAsync(string code, string model = "acme/tiny", string revision = "main", string? token = null)
    {
        var e = await Assert.ThrowsAsync<HubException>(() => PlanAsync(model, revision, token));
        Assert.Equal(code, e.Code);
        Assert.DoesNotContain(_hub.Requests, r => r.ToStore);
        return e;
    }

    [Fact]
    public async Task OnlyWhatAModelNeeds_IsFetched()
    {
        string[] needed = ["LICENSE", "README.md", "added_tokens.json", "chat_template.jinja", "config.json", "generation_config.json", "merges.txt",
            "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json"];
        string[] others = [".gitattributes", "onnx/model.onnx", "pytorch_model.bin", "tf_model.h5", "model.Q4_K_M.gguf", "consolidated.safetensors",
            "training_args.bin", "modeling_tiny.py", "runs/events", "original/params.json", "optimizer.pt"];
        Add([.. needed.Concat(others).Select(f => (f, f == "config.json" ? Llama : "x"))]);
        Assert.Equal(needed, await PlanAsync());
    }

    [Fact]
    public async Task ShardsOfTheIndex_WinOverConsolidatedWeights()
    {
        string index = """{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}}""";
        Add(("config.json", Llama), ("model.safetensors.index.json", index), ("model.safetensors", "x"), ("consolidated.safetensors", "x"),
            ("model-00001-of-00002.safetensors", "x"), ("model-00002-of-00002.safetensors", "x"), ("model-00003-of-00003.safetensors", "x"));
        Assert.Equal(["config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"], await PlanAsync());
    }

    [Theory]
    [InlineData("../../etc/passwd")]
    [InlineData("/etc/passwd.safetensors")]
    [InlineData("sub/model.safetensors")]
    [InlineData("..safetensors")]
    public async Task IndexThatLeadsElsewhere_IsRefused(string name)
    {
        Add(("config.json", Llama), ("model.safetensors.index.json", $$$"""{"weight_map": {"a": "{{{name}}}"}}"""), (name, "x"));
        Assert.Contains($"'{name}'", (await RefusedAsync(HubErrorCodes.UnsupportedModel)).Message);
    }

    [Theory]
    [InlineData("pytorch_model.bin", "pickle")]
    [InlineData("tiny.Q4_K_M.gguf", "GGUF")]
    [InlineData("tf_model.h5", "another framework")]
    [InlineData("README.md", "neither model.safetensors nor model.safetensors.index.json")]
    public async Task RepositoryWithoutSafetensors_IsRefusedWithTheReason(string file, string reason)
    {
        Add(("config.json", Llama), (file, "x"));
        Assert.Contains(reason, (await RefusedAsync(HubErrorCodes.UnsupportedModel)).Message);
    }

    [Theory]
    [InlineData("""{"model_type": "bert"}""", "model_type = bert; supported are gemma, ")]
    [InlineData("""{"model_type": "llama", "quantization_config": {"quant_method": "gptq"}}""", "quant_method = gptq; supported are bitsandbytes")]
    [InlineData("""[]""", "not a JSON object")]
    [InlineData("""{""", "not JSON")]
    [InlineData("""{}""", "no model_type")]
    public async Task ModelThatTheEngineCannotUse_IsRefusedBeforeItsWeights(string config, string reason)
    {
        Add(("config.json", config), ("model.safetensors", "x"));
        Assert.Contains(reason, (await RefusedAsync(HubErrorCodes.UnsupportedModel)).Message);
    }

    [Fact]
    public async Task UnknownModel_IsExplained() =>
        Assert.Contains("no model 'acme/absent', or it is private", (await RefusedAsync(HubErrorCodes.ModelNotFound, "acme/absent")).Message);

    [Fact]
    public async Task UnknownRevision_IsExplained()
    {
        Add(("config.json", Llama), ("model.safetensors", "x"));
        Assert.Contains("no branch, tag or commit 'refs/pr/7'", (await RefusedAsync(HubErrorCodes.RevisionNotFound, revision: "refs/pr/7")).Message);
        Assert.Contains(_hub.Requests, r => r.Path.EndsWith("/revision/refs%2Fpr%2F7", StringComparison.Ordinal));
    }

    [Theory, InlineData(null), InlineData("hf_other")]
    public async Task GatedModel_IsExplained(string? token)
    {
        FakeHub.Repository repository = Add(("config.json", Llama), ("model.safetensors", "x"));
        (repository.Gated, repository.Token) = (true, "hf_accepted");
        string message = (await RefusedAsync(HubErrorCodes.Gated, token: token)).Message;
        Assert.Contains("acme/tiny is gated", message);
        Assert.Contains("HF_TOKEN", message);
        Assert.DoesNotContain("hf_other", message);
        Assert.Equal(["config.json", "model.safetensors"], await PlanAsync(token: "hf_accepted"));
    }

    [Fact]
    public async Task Adapter_NeedsItsBaseModel()
    {
        Add(("adapter_config.json", """{"base_model_name_or_path": "demo-model"}"""), ("adapter_model.safetensors", "x"), ("adapter_model.bin", "x"), ("optimizer.pt", "x"));
        Assert.Contains("an adapter of demo-model, which is not in the models folder", (await RefusedAsync(HubErrorCodes.UnsupportedModel)).Message);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], await PlanAsync(folders: new ModelFolder(RepositoryRoot.PathOf("samples"))));
    }

    [Theory]
    [InlineData("acme/tiny", true), InlineData("A-1.b_c/D.2", true), InlineData("tiny", false), InlineData("a/b/c", false), InlineData("../b", false), InlineData("a/..", false)]
    [InlineData("a/b..c", false), InlineData("a/b--c", false), InlineData("a/.b", false), InlineData("a/b?c", false), InlineData("a/b\n", false), InlineData("a/b.git", false), InlineData("a\\b/c", false), InlineData("", false)]
    public void Ids_AreOwnerAndName(string id, bool valid) => Assert.Equal(valid, HubModelId.IsValid(id));
}
