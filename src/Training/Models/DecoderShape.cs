namespace TrainingService.Training.Models;

/// <summary>Sizes of a decoder.</summary>
/// <param name="Vocabulary">Tokens of the vocabulary, as the embedding counts them.</param>
/// <param name="Context">Positions the model was made for.</param>
/// <param name="Layers">Decoder layers.</param>
/// <param name="Hidden">Elements of a hidden state.</param>
/// <param name="Width">Elements inside a feed-forward layer.</param>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyHeads">Key and value heads.</param>
/// <param name="HeadSize">Elements a head.</param>
internal sealed record DecoderShape(int Vocabulary, int Context, int Layers, int Hidden, int Width, int Heads, int KeyHeads, int HeadSize)
{
    /// <summary>Elements of all query heads.</summary>
    public int Queries => Heads * HeadSize;

    /// <summary>Elements of all key heads.</summary>
    public int Keys => KeyHeads * HeadSize;

    /// <summary>Reads the fields that most architectures share.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="headSize">Elements a head when config.json does not say; null is hidden size / heads.</param>
    public static DecoderShape Of(ModelConfig config, int? headSize = null)
    {
        int hidden = config.Size("hidden_size"), heads = config.Size("num_attention_heads"), keyHeads = config.OptionalSize("num_key_value_heads") ?? heads;
        if (heads % keyHeads != 0) throw new ModelFormatException($"config.json has num_attention_heads = {heads}, which is no multiple of num_key_value_heads = {keyHeads}.");
        return Checked(new(config.Size("vocab_size"), config.OptionalSize("max_position_embeddings") ?? 2048, config.Size("num_hidden_layers"),
            hidden, config.Size("intermediate_size"), heads, keyHeads, config.OptionalSize("head_dim") ?? headSize ?? hidden / heads));
    }

    /// <summary>Refuses sizes that no model has, before arrays are made by them.</summary>
    public static DecoderShape Checked(DecoderShape shape) =>
        shape is { Layers: <= 10_000, Width: <= 1 << 26, HeadSize: > 0 } && (long)shape.Heads * shape.HeadSize <= 1 << 26 && (long)shape.KeyHeads * shape.HeadSize <= 1 << 26
            ? shape : throw new ModelFormatException($"config.json describes {shape.Layers} layers of {shape.Heads} heads of {shape.HeadSize} elements and a width of {shape.Width}: no model is so large, or so small.");
}
