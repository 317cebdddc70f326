using static TorchSharp.torch;

namespace TrainingService.Training.Models;

/// <summary>Gemma's factor of the embeddings.</summary>
internal static class EmbeddingScale
{
    /// <summary>√hidden, rounded to the model's type as transformers rounds it.</summary>
    public static double Of(int hidden, ScalarType dtype)
    {
        using Tensor scale = tensor(Math.Sqrt(hidden), dtype: dtype);
        using Tensor exact = scale.to_type(ScalarType.Float64);
        return exact.item<double>();
    }
}
