using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Generation;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

public class RopeFrequenciesTests
{
    [Fact]
    public void Yarn_KeepsFastAndStretchesSlowDimensions()
    {
        // By arXiv 2309.00071 with α = 1, β = 32: dimensions 0 (never stretched) to 4 and up (stretched by 4).
        double[] expected = [1, 0.23717082451262847, 0.05, 0.007905694150420948, 0.0025, 7.905694150420947e-4, 2.5e-4, 7.905694150420948e-5];
        RotaryFrequencies yarn = Of(16, """{"model_type":"llama","max_position_embeddings":256,"rope_theta":10000,"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":64}}""");
        AssertNear(expected, yarn.Inverse);
        Assert.Equal(1 + 0.1 * Math.Log(4), yarn.Magnitude, 1e-12);
        Assert.Null(yarn.Boundary);
    }

    [Fact]
    public void YarnWithMscale_DividesTheGrowths()
    {
        RotaryFrequencies yarn = Of(16, """{"model_type":"llama","max_position_embeddings":256,"rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":64,"mscale":0.7,"mscale_all_dim":1.4,"beta_fast":16,"beta_slow":2,"truncate":false}}""");
        Assert.Equal((0.07 * Math.Log(4) + 1) / (0.14 * Math.Log(4) + 1), yarn.Magnitude, 1e-12);
    }

    [Fact]
    public void Dynamic_RaisesTheBaseBeyondTheContext()
    {
        RotaryFrequencies dynamic = Of(8, """{"model_type":"llama","max_position_embeddings":64,"rope_scaling":{"rope_type":"dynamic","factor":2}}""");
        AssertNear([1, 0.1, 0.01, 0.001], dynamic.Inverse);
        Assert.Equal(64, dynamic.Boundary);
        AssertNear([1, 0.07778222374656406, 0.006050074330960554, 4.7058823529411766e-4], dynamic.Beyond!(100));
    }

    [Fact]
    public void LongRope_TakesTheLongFactorsBeyondTheOriginalContext()
    {
        RotaryFrequencies longRope = Of(4, """{"model_type":"phi3","max_position_embeddings":256,"original_max_position_embeddings":64,"rope_scaling":{"type":"su","short_factor":[1,2],"long_factor":[4,5]}}""");
        AssertNear([1, 0.005], longRope.Inverse);
        AssertNear([0.25, 0.002], longRope.Beyond!(65));
        Assert.Equal((64, true), (longRope.Boundary, longRope.RereadsBeyond));
        Assert.Equal(Math.Sqrt(1 + Math.Log(4) / Math.Log(64)), longRope.Magnitude, 1e-12);
    }

    [Fact]
    public void PartialRotary_TurnsTheFirstElements() =>
        AssertNear([1, 0.01], Of(8, """{"model_type":"llama","rope_parameters":{"rope_type":"default","partial_rotary_factor":0.5}}""").Inverse);

    [Fact]
    public void Angles_GoByTheLengthOfEachSequence()
    {
        using DisposeScope scope = NewDisposeScope();
        using var rotary = new RotaryEmbedding(new([1f]) { Boundary = 3, Beyond = length => [1f / length] }, CPU);

        Rotation rotation = rotary.At(tensor([0L, 1, 2, 0, 1, 2, 3]), [new(3, 3), new(4, 4)], ScalarType.Float32);

        AssertNear([0, Math.Sin(1), Math.Sin(2), 0, Math.Sin(0.25), Math.Sin(0.5), Math.Sin(0.75)], [.. rotation.Sin.data<float>()]);
    }

    [Fact]
    public void TextThatGrowsPastLongRopesBoundary_ContinuesAsIfReadAnew()
    {
        using GenerationModel model = GenerationModel.Load(Golden.Path("families", "phi3_longrope"), null, ComputeType.Float32);
        int[] prompt = [.. Enumerable.Range(0, 60).Select(i => 3 + i * 37 % 150)];
        using GenerationSequence sequence = model.Begin(prompt, new() { Temperature = 0 });
        for (int i = 0; i < 12; i++) model.Advance([sequence]);

        for (int i = 0; i < 12; i++)
        {
            // The text so far decides the factors: its tokens, of which the last is the one that was just read.
            int[] read = [.. prompt, .. sequence.Generated.Take(i).Select(g => g.Token.Id)];
            using GenerationSequence anew = model.Begin(read, new() { Temperature = 0 });
            model.Advance([anew]);
            Assert.Equal(anew.Generated[0].Token.Id, sequence.Generated[i].Token.Id);
            Assert.Equal(anew.Generated[0].Token.LogProb, sequence.Generated[i].Token.LogProb, 1e-4f);
        }
    }

    private static RotaryFrequencies Of(int headSize, string config)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "config.json"), config);
        ModelConfig read = ModelConfig.Load(folder.Path);
        RotaryFrequencies frequencies = RopeFrequencies.Of(read, headSize);
        _ = read.ModelType;
        read.RefuseUnknown();
        return frequencies;
    }

    private static void AssertNear(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-6));
    }
}
