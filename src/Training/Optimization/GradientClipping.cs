using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Optimization;

/// <summary>Scales a gradient down to a largest norm (Pascanu et al., 2013, arXiv 1211.5063), as torch's clip_grad_norm_.</summary>
internal static class GradientClipping
{
    /// <summary>Clips in place.</summary>
    /// <param name="gradients">All gradients, flat.</param>
    /// <param name="maxNorm">The largest norm; 0 never clips.</param>
    /// <returns>The norm before clipping. When it is not finite the caller must stop: there is no step to take.</returns>
    public static double Clip(Tensor gradients, double maxNorm)
    {
        using Tensor norm = gradients.norm();
        double before = norm.ToScalar().ToDouble();
        double factor = maxNorm / (before + 1e-6);
        if (maxNorm > 0 && factor < 1) gradients.mul_(factor);
        return before;
    }
}
