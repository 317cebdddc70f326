using System.Diagnostics;
using System.Text.Json;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;
using TrainingService.Tests;

namespace TrainingService.Datasets.Tests.Tokenization;

/// <summary>Damaged tokenizer files are refused by the documented exception, or tokenise something; they never crash, hang or swallow memory.</summary>
public sealed class HostileTokenizerTests(ITestOutputHelper output)
{
    private const int Cases = 10_000;
    private const long MostBytes = 256 << 20;
    private const string Text = "Hello wörld 👍🏽 <s>\u0301 it's 12345\n\n\tﬁn </s>한국어 \ud800";

    [Fact]
    public void DamagedFiles_AreRefusedOrRead()
    {
        string folder = Directory.CreateTempSubdirectory("tokenizer-").FullName;
        List<string> wrong = [];
        int refused = 0;
        try
        {
            // Small files more often than large ones, which take long to damage.
            (string Name, string Content)[][] sources = [.. Sources().OrderBy(files => files.Sum(f => f.Content.Length))];
            for (int i = 0; i < Cases; i++)
            {
                var hostile = new HostileJson(i);
                (string Name, string Content)[] files = sources[hostile.Random.Next(hostile.Random.Next(sources.Length) + 1)];
                int damaged = hostile.Random.Next(3) > 0 ? 0 : hostile.Random.Next(files.Length);
                for (int f = 0; f < files.Length; f++)
                {
                    File.WriteAllText(Path.Combine(folder, files[f].Name), f == damaged ? hostile.Damage(files[f].Content) : files[f].Content);
                }
                long before = GC.GetAllocatedBytesForCurrentThread();
                var clock = Stopwatch.StartNew();
                try
                {
                    ModelTokenizer tokenizer = ModelTokenizer.Load(folder);
                    tokenizer.Decode(tokenizer.Encode(Text, addSpecialTokens: true), skipSpecialTokens: false);
                }
                catch (TokenizerFormatException)
                {
                    refused++;
                }
                catch (Exception e)
                {
                    wrong.Add($"case {i}: {e.GetType().Name}: {e.Message} {e.StackTrace?.Split('\n')[0]}");
                }
                if (GC.GetAllocatedBytesForCurrentThread() - before > MostBytes) wrong.Add($"case {i}: {GC.GetAllocatedBytesForCurrentThread() - before} bytes");
                // Usually a millisecond: only a hang takes so long.
                if (clock.Elapsed.TotalSeconds > 20) wrong.Add($"case {i}: {clock.Elapsed}");
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
        output.WriteLine($"{refused} of {Cases} refused");
        Assert.True(wrong.Count == 0, $"{wrong.Count} wrong:\n{string.Join('\n', wrong.DistinctBy(w => w[w.IndexOf(':', StringComparison.Ordinal)..]).Take(30))}");
        Assert.InRange(refused, Cases / 10, Cases);
    }

    private static IEnumerable<(string Name, string Content)[]> Sources()
    {
        const string Config = """
            {"tokenizer_class": "LlamaTokenizer", "add_prefix_space": true, "legacy": false, "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false},
             "unk_token": "<unk>", "pad_token": null, "added_tokens_decoder": {"0": {"content": "<unk>", "special": true}}, "chat_template": "{{ messages }}"}
            """;
        const string Map = """{"bos_token": "<s>", "eos_token": "</s>", "pad_token": {"content": "<pad>"}}""";
        using var unigram = JsonDocument.Parse(File.ReadAllBytes(TestFiles.Golden("unigram.json")));
        foreach (JsonProperty tokenizer in unigram.RootElement.GetProperty("tokenizers").EnumerateObject())
        {
            yield return [("tokenizer.json", tokenizer.Value.GetProperty("tokenizer").GetRawText()), ("tokenizer_config.json", Config), ("special_tokens_map.json", Map),
                ("generation_config.json", """{"eos_token_id": [1, 2]}"""), ("config.json", """{"model_type": "llama", "eos_token_id": 2}""")];
        }
        string demo = TestFiles.Golden("training", "model");
        yield return [("tokenizer.json", File.ReadAllText(Path.Combine(demo, "tokenizer.json"))), ("tokenizer_config.json", File.ReadAllText(Path.Combine(demo, "tokenizer_config.json"))),
            ("special_tokens_map.json", Map), ("generation_config.json", """{"eos_token_id": 1}"""), ("config.json", File.ReadAllText(Path.Combine(demo, "config.json")))];
        yield return [("tokenizer.json", """
            {"added_tokens": [{"id": 0, "content": "<s>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "special": true}],
             "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, {"type": "Strip", "strip_left": true, "strip_right": false}]},
             "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\s+|\\p{L}+|\\p{N}{1,3}"}, "behavior": "Isolated", "invert": false},
               {"type": "Digits", "individual_digits": true}, {"type": "Punctuation", "behavior": "Isolated"}, {"type": "ByteLevel", "add_prefix_space": true, "use_regex": true}]},
             "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
             "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
             "model": {"type": "BPE", "dropout": null, "unk_token": "<s>", "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
               "vocab": {"<s>": 0, "a": 1, "b": 2, "ab": 3, "Ġ": 4, "<0xE2>": 5}, "merges": ["a b", ["Ġ", "a"]]}}
            """.Replace("[\"Ġ\", \"a\"]", "[\"a\", \"b\"]", StringComparison.Ordinal)), ("tokenizer_config.json", Config), ("special_tokens_map.json", Map)];
    }
}
