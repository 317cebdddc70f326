using TorchSharp;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>PiSSA's start (Meng et al., 2024, arXiv 2404.02948): the largest singular values of a weight and their vectors, as a pair.</summary>
internal static class PrincipalComponents
{
    /// <summary>A and B, float32, with scaling · B A the weight's best approximation of the layer's rank.</summary>
    /// <param name="layer">The pair to start.</param>
    /// <param name="iterations">Subspace iterations (Halko et al., 2011, arXiv 0909.4061); null decomposes exactly.</param>
    /// <param name="generator">Draws where the iterations begin.</param>
    /// <exception cref="ModelFormatException">The weight has fewer components than the rank.</exception>
    public static (Tensor A, Tensor B) Of(LoraLayer layer, int? iterations, Generator generator)
    {
        if (layer.Rank > Math.Min(layer.Layer.In, layer.Layer.Out))
            throw new ModelFormatException($"r is {layer.Rank}, but {layer.Layer.Path} has {Math.Min(layer.Layer.In, layer.Layer.Out)} principal components; give init_lora_weights = pissa a smaller r or rank_pattern.");
        using DisposeScope scope = NewDisposeScope();
        Tensor weight = layer.Layer.Rows().to_type(ScalarType.Float32);
        (Tensor u, Tensor s, Tensor vt) = iterations is { } rounds ? Approximate(weight, layer.Rank, rounds, generator) : linalg.svd(weight, fullMatrices: false);
        // Half of each singular value goes to either side.
        Tensor root = (s.narrow(0, 0, layer.Rank) / layer.Scaling).sqrt_();
        Tensor a = root.unsqueeze(1) * vt.narrow(0, 0, layer.Rank), b = u.narrow(1, 0, layer.Rank) * root;
        return (a.MoveToOuterDisposeScope(), b.MoveToOuterDisposeScope());
    }

    private static (Tensor U, Tensor S, Tensor Vt) Approximate(Tensor weight, int rank, int rounds, Generator generator)
    {
        Tensor basis = Orthonormal(weight.mm(randn([weight.shape[1], rank], generator: generator).to(weight.device)));
        for (int i = 0; i < rounds; i++) basis = Orthonormal(weight.mm(Orthonormal(weight.t().mm(basis))));
        (Tensor u, Tensor s, Tensor vt) = linalg.svd(basis.t().mm(weight), fullMatrices: false);
        return (basis.mm(u), s, vt);
    }

    private static Tensor Orthonormal(Tensor columns) => linalg.qr(columns).Q;
}
