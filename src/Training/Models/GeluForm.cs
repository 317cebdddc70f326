using TrainingService.Training.Modules;

namespace TrainingService.Training.Models;

/// <summary>The forms of GELU by their names in config.json.</summary>
internal static class GeluForm
{
    /// <summary>Reads the form that a field names.</summary>
    public static Gelu Of(ModelConfig config, string field, string whenAbsent) =>
        (config.Text(field) ?? whenAbsent) switch
        {
            "gelu" => Gelu.Exact,
            "gelu_new" or "gelu_fast" or "gelu_pytorch_tanh" => Gelu.Tanh,
            var other => throw new ModelFormatException($"config.json has {field} = {other}; supported for {config.ModelType} are gelu, gelu_new, gelu_fast and gelu_pytorch_tanh."),
        };
}
