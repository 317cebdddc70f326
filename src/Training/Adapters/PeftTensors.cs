using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using static TorchSharp.torch;

namespace TrainingService.Training.Adapters;

/// <summary>What a tensor of a PEFT file is to its module.</summary>
internal enum PeftPart
{
    /// <summary>(rank, in).</summary>
    LoraA,

    /// <summary>(out, rank).</summary>
    LoraB,

    /// <summary>DoRA's row lengths, (out,).</summary>
    Magnitude,

    /// <summary>The weight of a module trained in full.</summary>
    Saved,
}

/// <summary>The tensors of a PEFT folder by module path and part.</summary>
internal sealed class PeftTensors : IDisposable
{
    private const string Prefix = "base_model.model.";

    /// <summary>Endings of names: PEFT's own, and the longer ones of a module's state, which files made from that have. The general one comes last.</summary>
    private static readonly (string Ending, PeftPart Part)[] s_endings =
    [
        (".lora_A.weight", PeftPart.LoraA),
        (".lora_B.weight", PeftPart.LoraB),
        (".lora_magnitude_vector", PeftPart.Magnitude),
        (".lora_magnitude_vector.weight", PeftPart.Magnitude),
        (".modules_to_save.weight", PeftPart.Saved),
        (".weight", PeftPart.Saved),
    ];

    private readonly SafetensorsReader _reader;
    private readonly Dictionary<(string Path, PeftPart Part), string> _names = [];

    /// <summary>Opens a folder's weights.</summary>
    /// <exception cref="ModelFormatException">There are none, or one has no place in an adapter.</exception>
    public PeftTensors(string folder)
    {
        string path = System.IO.Path.Combine(folder, PeftFiles.WeightsFile);
        if (!File.Exists(path)) throw new ModelFormatException($"The adapter's folder has no {PeftFiles.WeightsFile}.");
        _reader = new(path);
        foreach (string name in _reader.Names)
        {
            (string ending, PeftPart part) = s_endings.FirstOrDefault(e => name.EndsWith(e.Ending, StringComparison.Ordinal));
            if (ending is null || !name.StartsWith(Prefix, StringComparison.Ordinal)) throw Misplaced(name);
            _names[(name[Prefix.Length..^ending.Length], part)] = name;
        }
    }

    /// <summary>What is there.</summary>
    public IEnumerable<(string Path, PeftPart Part)> Parts => _names.Keys;

    /// <summary>Shape of a part.</summary>
    public long[] ShapeOf(string path, PeftPart part) => _reader.ShapeOf(Stored(path, part));

    /// <summary>A part as float32, on the CPU.</summary>
    public Tensor Read(string path, PeftPart part)
    {
        Tensor tensor = empty(ShapeOf(path, part), ScalarType.Float32);
        ReadInto(path, part, tensor);
        return tensor;
    }

    /// <summary>Reads a part into a tensor of the same shape.</summary>
    public void ReadInto(string path, PeftPart part, Tensor into) => _reader.ReadInto(Stored(path, part), into);

    /// <summary>Refuses files that hold more than these.</summary>
    /// <exception cref="ModelFormatException">One is none of them.</exception>
    public void RequireNoOther(IEnumerable<(string Path, PeftPart Part)> parts)
    {
        if (_names.Keys.Except(parts).Select(p => _names[p]).Order().FirstOrDefault() is { } other) throw Misplaced(other);
    }

    /// <summary>PEFT's name of a part.</summary>
    public static string Name(string path, PeftPart part) => Prefix + path + part switch
    {
        PeftPart.LoraA => ".lora_A.weight",
        PeftPart.LoraB => ".lora_B.weight",
        PeftPart.Magnitude => ".lora_magnitude_vector",
        _ => ".weight",
    };

    /// <inheritdoc/>
    public void Dispose() => _reader.Dispose();

    // A name that is not there is asked for all the same: the error says that it is missing.
    private string Stored(string path, PeftPart part) => _names.GetValueOrDefault((path, part)) ?? Name(path, part);

    private static ModelFormatException Misplaced(string name) => new($"{PeftFiles.WeightsFile} has '{name}', which the model or {PeftFiles.ConfigFile} has no place for.");
}
