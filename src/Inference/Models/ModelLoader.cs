using Microsoft.Extensions.Options;
using TorchSharp;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Recipes;
using TrainingService.Inference.Decoding;
using TrainingService.Inference.Errors;
using TrainingService.Inference.Hosting;
using TrainingService.Storage.Models;
using TrainingService.Training.Generation;
using TrainingService.Training.Models;
using TrainingService.Training.Native;

namespace TrainingService.Inference.Models;

/// <summary>Loads models to answer with.</summary>
internal sealed class ModelLoader(IOptions<InferenceOptions> options, DecodingMetrics metrics)
{
    // A billion parameters in 16 bits.
    private const long LargestFloat32Bytes = 2_000_000_000;

    /// <summary>Loads a model; its weights are read on its own decoding thread, so that other models go on answering.</summary>
    public async Task<LoadedModel> LoadAsync(ModelSource source)
    {
        try
        {
            ModelTokenizer? tokenizer = ModelTokenizer.Exists(source.Folder) ? ModelTokenizer.Load(source.Folder) : null;
            ChatTemplate? template = tokenizer is null ? null : ChatTemplate.Load(source.Folder, tokenizer);
            IReadOnlyList<int> endIds = tokenizer?.StopIds ?? ModelVocabulary.EndIdsOf(source.Folder);
            var decoding = new DecodingLoop(source.Id, () => GenerationModel.Load(source.Folder, source.AdapterFolder, TypeFor(source.Folder), options.Value.LoadIn4Bit),
                options.Value.MaxConcurrentAnswers, metrics);
            return new(source.Id, tokenizer, endIds, template, decoding, await decoding.Loaded, options.Value.MaxWaitingAnswers);
        }
        catch (Exception e) when (e is ModelFormatException or TokenizerFormatException or ChatTemplateException)
        {
            throw RequestException.Bad($"The model '{source.Id}' cannot be loaded: {e.Message}", "model", "model_not_loadable");
        }
    }

    private ComputeType TypeFor(string folder)
    {
        if (options.Value.Dtype is { } given) return given;
        bool onGpu = TorchRuntime.DefaultDevice().type == DeviceType.CUDA;
        long bytes = new DirectoryInfo(folder).EnumerateFiles("*.safetensors").Sum(f => f.Length);
        return onGpu || bytes > LargestFloat32Bytes ? ComputeType.Bfloat16 : ComputeType.Float32;
    }
}
