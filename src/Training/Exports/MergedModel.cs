using TorchSharp;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Exports;

/// <summary>The tensors of a checkpoint with an adapter in them, under the checkpoint's names and types, each made when it is asked for.</summary>
internal sealed class MergedModel : IDisposable
{
    private readonly Dictionary<string, SafetensorsReader> _stored = [];
    private readonly SortedDictionary<string, SafetensorsEntry> _entries = new(StringComparer.Ordinal);
    private readonly ExportedAdapter _adapter;
    private readonly CheckpointLayout _layout;

    /// <param name="modelFolder">The base model.</param>
    /// <param name="adapter">The adapter, which the merged model does not own.</param>
    /// <exception cref="ModelFormatException">The adapter is not of this model, or the model cannot take it up.</exception>
    public MergedModel(string modelFolder, ExportedAdapter adapter)
    {
        _adapter = adapter;
        ModelConfig config = ModelConfig.Load(modelFolder);
        config.Refuse("quantization_config", "an adapter cannot be merged into quantised weights; merge it into the unquantised model.");
        if (!Architectures.ByModelType.ContainsKey(config.ModelType))
            throw new ModelFormatException($"config.json has model_type = {config.ModelType}; supported are {string.Join(", ", Architectures.ByModelType.Keys)}.");
        _layout = CheckpointLayout.Of(config.ModelType);
        try
        {
            foreach (string file in ModelWeights.Files(modelFolder))
            {
                var reader = new SafetensorsReader(Path.Combine(modelFolder, file));
                foreach (string name in reader.Names)
                {
                    _stored[name] = reader;
                    Put(name, name, () => reader.Read(name));
                }
            }
            foreach (string path in adapter.Adapted) Put(StoredName(path), StoredName(path), () => MergedWeight(path));
            PutSaved(tied: config.Flag("tie_word_embeddings", whenAbsent: _layout.TiesByDefault));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether the head no longer shares the embedding's matrix, as it did in the base.</summary>
    public bool Unties { get; private set; }

    /// <summary>The tensors, by name.</summary>
    public IReadOnlyCollection<SafetensorsEntry> Entries => _entries.Values;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (SafetensorsReader reader in _stored.Values.Distinct()) reader.Dispose();
    }

    private void PutSaved(bool tied)
    {
        if (_adapter.Saved.FirstOrDefault(p => p != _layout.Embedding && p != _layout.Head) is { } unknown)
            throw new ModelFormatException($"The adapter holds a whole {unknown}; of this model {_layout.Embedding} and {_layout.Head} can be merged.");
        string embedding = StoredName(_layout.Embedding), head = _layout.Head + ".weight";
        bool savesHead = _adapter.Saved.Contains(_layout.Head);
        // A checkpoint may hold a head of its own although it says that they are tied.
        bool hasHead = _stored.TryGetValue(head, out SafetensorsReader? own) && !(tied && own.Equals(head, _stored[embedding], embedding));
        Unties = tied && (hasHead || _adapter.Saved.Count > 0);
        // Each of tied matrices was trained by itself, or not at all: both are written.
        if (savesHead) Put(head, tied ? embedding : head, () => _adapter.Copy(_layout.Head));
        else if (Unties && !hasHead) Put(head, embedding, () => _stored[embedding].Read(embedding));
        if (_adapter.Saved.Contains(_layout.Embedding)) Put(embedding, embedding, () => _adapter.Copy(_layout.Embedding));
    }

    /// <summary>Has a tensor made so, with shape and type of a stored one.</summary>
    private void Put(string name, string like, Func<Tensor> make)
    {
        SafetensorsReader reader = _stored.GetValueOrDefault(like) ?? throw new ModelFormatException($"The model's weights have no tensor '{like}'.");
        ScalarType type = reader.ElementTypeOf(like);
        _entries[name] = new(name, type, reader.ShapeOf(like), () => make().to_type(type));
    }

    private Tensor MergedWeight(string path)
    {
        string name = StoredName(path);
        Tensor stored = _stored[name].Read(name);
        return _layout.StoresTransposed ? _adapter.Merge(path, stored.t()).t() : _adapter.Merge(path, stored);
    }

    /// <summary>A checkpoint saved from the decoder without its head leaves out the first part of the name.</summary>
    private string StoredName(string path)
    {
        string name = path + ".weight", inner = name[(name.IndexOf('.') + 1)..];
        if (_stored.ContainsKey(name)) return name;
        return _stored.ContainsKey(inner) ? inner : throw new ModelFormatException($"The adapter is of {path}, for which the model's weights have no tensor '{name}'.");
    }
}
