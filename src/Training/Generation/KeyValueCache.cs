using TorchSharp;
using static TorchSharp.torch;

namespace TrainingService.Training.Generation;

/// <summary>Turned keys and values of one sequence's tokens so far, layer by layer.</summary>
/// <param name="layers">Decoder layers.</param>
internal sealed class KeyValueCache(int layers) : IDisposable
{
    private readonly (Tensor Keys, Tensor Values)?[] _layers = new (Tensor, Tensor)?[layers];

    /// <summary>Tokens in the cache.</summary>
    public int Length { get; private set; }

    /// <summary>Appends a layer's keys and values of new tokens and gives all so far, (key heads, tokens, size) each.</summary>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="keys">(key heads, new tokens, size).</param>
    /// <param name="values">(key heads, new tokens, size).</param>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        long added = keys.shape[1], total = Length + added;
        if (_layers[layer] is not { } room || room.Keys.shape[1] < total)
            _layers[layer] = room = Grow(_layers[layer], keys, total);
        room.Keys.narrow(1, Length, added).copy_(keys);
        room.Values.narrow(1, Length, added).copy_(values);
        return (room.Keys.narrow(1, 0, total), room.Values.narrow(1, 0, total));
    }

    /// <summary>All layers have appended so many tokens.</summary>
    public void Advance(int tokens) => Length += tokens;

    /// <summary>Forgets all tokens.</summary>
    public void Clear() => Length = 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i]?.Keys.Dispose();
            _layers[i]?.Values.Dispose();
            _layers[i] = null;
        }
    }

    // Doubling keeps the copies of a growing sequence to two a token.
    private (Tensor Keys, Tensor Values) Grow((Tensor Keys, Tensor Values)? old, Tensor like, long total)
    {
        long[] shape = [like.shape[0], Math.Max(64, 2 * total), like.shape[2]];
        (Tensor Keys, Tensor Values) grown = (empty(shape, like.dtype, like.device).DetachFromDisposeScope(), empty(shape, like.dtype, like.device).DetachFromDisposeScope());
        if (old is { } before)
        {
            grown.Keys.narrow(1, 0, Length).copy_(before.Keys.narrow(1, 0, Length));
            grown.Values.narrow(1, 0, Length).copy_(before.Values.narrow(1, 0, Length));
            before.Keys.Dispose();
            before.Values.Dispose();
        }
        return grown;
    }
}
