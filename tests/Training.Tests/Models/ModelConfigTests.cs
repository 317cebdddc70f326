using System.Text.Json;
using System.Text.Json.Nodes;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Generation;
using TrainingService.Training.Models;

namespace TrainingService.Training.Tests.Models;

public class ModelConfigTests
{
    private static readonly int[] s_text = [5, 9, 17, 23, 40, 41, 2, 8, 8, 31];

    public static TheoryData<string> Families => [.. Golden.Families];

    [Theory]
    [MemberData(nameof(Families))]
    public void UnknownField_IsRefusedByName(string family)
    {
        using ModelFolder folder = new(family, c => c["rotor_gain"] = 1.5);
        Assert.Contains("rotor_gain = 1.5", Refusal(folder));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void FieldsWithoutEffect_ChangeNothing(string family)
    {
        using ModelFolder folder = new(family, c =>
        {
            c["_name_or_path"] = "some/model";
            c["torch_dtype"] = "bfloat16";
            c["rotor_gain"] = null;
            c["rotor_on"] = false;
            c["rotor_list"] = new JsonArray();
            c["attention_dropout"] = 0.1;
        });
        Assert.Equal(Scores(Golden.Path("families", family)), Scores(folder.Path));
    }

    [Fact]
    public void UnknownRopeSetting_IsRefusedByName()
    {
        using ModelFolder folder = new("llama", c => c["rope_parameters"]!["spin"] = 2);
        Assert.Contains("rope_parameters.spin = 2", Refusal(folder));
    }

    [Theory]
    [InlineData("rope_type", "spiral", "rope type 'spiral'")]
    [InlineData("rope_theta", "many", "rope_parameters.rope_theta = \"many\"")]
    public void WrongRopeSetting_IsRefusedByName(string field, string value, string message)
    {
        using ModelFolder folder = new("llama", c => c["rope_parameters"]![field] = value);
        Assert.Contains(message, Refusal(folder));
    }

    [Theory]
    [InlineData("llama", "hidden_act", "relu")]
    [InlineData("gemma", "use_bidirectional_attention", true)]
    [InlineData("mixtral", "router_jitter_noise", 0.1)]
    [InlineData("gpt2", "add_cross_attention", true)]
    [InlineData("qwen2", "quantization_config", "gptq")]
    [InlineData("smollm3", "layer_types", "full_attention")]
    [InlineData("llama", "num_hidden_layers", 0)]
    public void ValueThatIsNotImplemented_IsRefusedByField(string family, string field, object value)
    {
        using ModelFolder folder = new(family, c => c[field] = JsonSerializer.SerializeToNode(value));
        Assert.Contains(field, Refusal(folder));
    }

    [Fact]
    public void UnknownArchitecture_IsRefusedWithThoseThatAreKnown()
    {
        using ModelFolder folder = new("llama", c => c["model_type"] = "mamba");
        Assert.Contains("mamba; supported are gemma, gemma2,", Refusal(folder));
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("llama_biases_linear")]
    [InlineData("llama_tied_llama3rope")]
    [InlineData("qwen3")]
    [InlineData("phi3_longrope")]
    public void RopeInTheOlderSpelling_IsTheSame(string family)
    {
        using ModelFolder folder = new(family, c =>
        {
            JsonObject rope = c["rope_parameters"]!.AsObject();
            c.Remove("rope_parameters");
            c["rope_theta"] = rope["rope_theta"]!.DeepClone();
            rope.Remove("rope_theta");
            rope.Remove("partial_rotary_factor");
            JsonNode kind = rope["rope_type"]!.DeepClone();
            rope.Remove("rope_type");
            rope["type"] = kind;
            if ((string?)kind != "default") c["rope_scaling"] = rope;
        });
        Assert.Equal(Scores(Golden.Path("families", family)), Scores(folder.Path));
    }

    [Fact]
    public void OlderSpellingsOfOtherFamilies_AreTheSame()
    {
        using ModelFolder gemma3 = new("gemma3_text", c =>
        {
            foreach (string field in new[] { "rope_parameters", "layer_types", "_sliding_window_pattern" }) c.Remove(field);
            c["rope_theta"] = 1_000_000.0;
            c["rope_local_base_freq"] = 10_000.0;
            c["sliding_window_pattern"] = 6;
        });
        using ModelFolder neox = new("gpt_neox", c =>
        {
            c.Remove("rope_parameters");
            c["rotary_pct"] = 0.25;
            c["rotary_emb_base"] = 10_000;
        });
        using ModelFolder gemma2 = new("gemma2", c => c.Remove("layer_types"));
        using ModelFolder smollm3 = new("smollm3", c =>
        {
            c.Remove("no_rope_layers");
            c["no_rope_layer_interval"] = 3;
        });
        foreach ((string family, ModelFolder folder) in new[] { ("gemma3_text", gemma3), ("gpt_neox", neox), ("gemma2", gemma2), ("smollm3", smollm3) })
            Assert.Equal(Scores(Golden.Path("families", family)), Scores(folder.Path));
    }

    private static string Refusal(ModelFolder folder) =>
        Assert.Throws<ModelFormatException>(() => GenerationModel.Load(folder.Path, null, ComputeType.Float32)).Message;

    private static IReadOnlyList<float> Scores(string folder)
    {
        using GenerationModel model = GenerationModel.Load(folder, null, ComputeType.Float32);
        return model.Score(s_text);
    }
}
