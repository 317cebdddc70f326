using static TorchSharp.torch;

namespace TrainingService.Training.Modules;

/// <summary>The frozen matrix of the token embedding or of the head, which an adapter may train a copy of. No record: tensors compare element by element.</summary>
/// <param name="path">Module path in the checkpoint, e.g. <c>model.embed_tokens</c>.</param>
/// <param name="weight">(vocabulary, hidden).</param>
internal sealed class VocabularyMatrix(string path, Tensor weight)
{
    /// <summary>Module path in the checkpoint.</summary>
    public string Path => path;

    /// <summary>Last part of the path.</summary>
    public string Name => path[(path.LastIndexOf('.') + 1)..];

    /// <summary>(vocabulary, hidden).</summary>
    public Tensor Weight => weight;
}
