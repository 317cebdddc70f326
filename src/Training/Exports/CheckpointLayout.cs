namespace TrainingService.Training.Exports;

/// <summary>Where an architecture's checkpoint keeps what exports ask about.</summary>
/// <param name="Embedding">Module path of the token embedding.</param>
/// <param name="Head">Module path of the head.</param>
/// <param name="TiesByDefault">Whether the head shares the embedding's matrix when config.json does not say.</param>
/// <param name="StoresTransposed">Whether weights of linear layers lie as (in, out).</param>
internal sealed record CheckpointLayout(string Embedding, string Head, bool TiesByDefault, bool StoresTransposed)
{
    /// <summary>The layout of a <c>model_type</c>.</summary>
    public static CheckpointLayout Of(string modelType) => modelType switch
    {
        "gpt2" => new("transformer.wte", "lm_head", TiesByDefault: true, StoresTransposed: true),
        "gpt_neox" => new("gpt_neox.embed_in", "embed_out", TiesByDefault: false, StoresTransposed: false),
        _ => new("model.embed_tokens", "lm_head", TiesByDefault: modelType is "gemma" or "gemma2" or "gemma3_text" or "smollm3", StoresTransposed: false),
    };
}
