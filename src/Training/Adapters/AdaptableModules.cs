using TrainingService.Training.Modules;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>What of a model an adapter may change.</summary>
/// <param name="LinearLayers">The decoder's linear layers, in forward order.</param>
/// <param name="VocabularyMatrices">The token embedding, then the head; tied ones share their weight.</param>
/// <param name="Device">The model's device.</param>
internal sealed record AdaptableModules(IReadOnlyList<LinearLayer> LinearLayers, IReadOnlyList<VocabularyMatrix> VocabularyMatrices, Device Device);
