using System.Text.Json.Nodes;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Tokenization;

/// <summary>The tokenizers that the tests use: the project's own, real ones beside it, and made-up ones.</summary>
internal static class TokenizerFolders
{
    /// <summary>The sample model's.</summary>
    public static string Own => TestFiles.Sample("demo-model");

    public static string Of(string name) => name switch
    {
        // tokenizer-ids.json calls the tokenizer of the golden training runs by this name.
        "demo" => TestFiles.Golden("training", "model"),
        "smollm2" => TestFiles.Shared("models", "SmolLM2-135M-Instruct"),
        _ => TestFiles.Shared("data", "tokenizers", name),
    };

    /// <summary>Writes a tokenizer.json whose model has these tokens (ids in order) and merges, and loads it.</summary>
    public static ModelTokenizer Load(string[] tokens, string[] merges, string parts = "{}", string model = "{}")
    {
        var modelNode = JsonNode.Parse(model)!.AsObject();
        modelNode["type"] ??= "BPE";
        modelNode["vocab"] = new JsonObject(tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id)));
        modelNode["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)merge)]);
        var file = JsonNode.Parse(parts)!.AsObject();
        file["model"] = modelNode;
        return LoadFiles(("tokenizer.json", file.ToJsonString()));
    }

    public static ModelTokenizer LoadFiles(params (string Name, string Content)[] files)
    {
        var folder = Directory.CreateTempSubdirectory("tokenizer-").FullName;
        try
        {
            foreach (var (name, content) in files)
            {
                File.WriteAllText(Path.Combine(folder, name), content);
            }
            return ModelTokenizer.Load(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The tokens of a text as the vocabulary writes them.</summary>
    public static string[] Tokens(this ModelTokenizer tokenizer, string text) =>
        [.. tokenizer.Encode(text, addSpecialTokens: false).Select(id => tokenizer.TokenOf(id)!)];
}
