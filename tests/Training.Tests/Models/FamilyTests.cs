using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

public class FamilyTests(ITestOutputHelper output)
{
    public static TheoryData<string> Families => [.. Golden.Families];

    [Theory]
    [MemberData(nameof(Families))]
    public void LogitsAndLogProbs_AreTransformers(string family)
    {
        using var _ = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using CausalLanguageModel model = CausalLanguageModel.Load(Golden.Path("families", family), ComputeType.Float32);
        using SafetensorsReader reference = Golden.Tensors("families", family, "reference.safetensors");
        Tensor ids = reference.Read("input_ids").to_type(ScalarType.Int64);
        (int rows, int length) = ((int)ids.shape[0], (int)ids.shape[1]);
        PairSpan[] spans = [.. Enumerable.Range(0, rows).Select(i => new PairSpan(i * length, length, 0, 0))];

        using var tape = new Tape(records: false);
        Tensor hidden = model.Norm(tape, model.Forward(tape, ids.view(-1), arange(length).repeat(rows), new PackedAttention(spans), adapter: null)).Value;
        Tensor logits = model.Head.Logits(hidden, null).view(rows, length, -1);
        Tensor before = hidden.view(rows, length, -1).narrow(1, 0, length - 1).reshape(rows * (length - 1), -1);
        Tensor targets = ids.narrow(1, 1, length - 1).reshape(-1);
        Tensor logProbs = model.Head.Forward(before, targets, HeadOutputs.LogProbs, null).Statistics.LogProbs.view(rows, -1);

        double logitsDiffer = Golden.Difference(logits, reference.Read("logits")), logProbsDiffer = Golden.Difference(logProbs, reference.Read("logprobs"));
        output.WriteLine($"{family}: logits differ by {logitsDiffer:g3}, log-probabilities by {logProbsDiffer:g3}");
        Assert.InRange(logitsDiffer, 0, 1e-4);
        Assert.InRange(logProbsDiffer, 0, 1e-4);
    }
}
