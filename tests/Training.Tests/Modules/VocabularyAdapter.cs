using TrainingService.Training.Adapters;
using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Modules;

/// <summary>An adapter that trains a copy of one vocabulary matrix, of random values; the low-rank pair it must have belongs to no layer of the test.</summary>
internal static class VocabularyAdapter
{
    public static LoraAdapter Of(VocabularyMatrix matrix, int seed)
    {
        using var _ = no_grad();
        var adapter = new LoraAdapter(new() { Rank = 1, TargetModules = ["q_proj"], ModulesToSave = [matrix.Name] },
            new([new("q_proj", new DenseWeight(ones(2, 2)), 0, 2, 2)], [matrix], CPU), trains: true);
        adapter.Copies.Single().Weight.copy_(PlainAutograd.Normal(seed, matrix.Weight.shape));
        return adapter;
    }
}
