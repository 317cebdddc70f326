using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using TorchSharp;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;
using TrainingService.Training.Batching;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Tests.Checkpoints;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Models;

/// <summary>Damaged model folders are refused by the documented exception, or compute something; they never crash, hang or swallow memory.</summary>
public class HostileModelTests(ITestOutputHelper output)
{
    private const long MostBytes = 256 << 20;

    [Fact]
    public void DamagedConfigurations_AreRefusedOrLoaded()
    {
        using var folder = new TemporaryFolder();
        string[] families = [.. Golden.Families];
        Run(3_000, i =>
        {
            string family = Golden.Path("families", families[i % families.Length]);
            foreach (string file in Directory.GetFiles(folder.Path)) File.Delete(file);
            foreach (string file in Directory.GetFiles(family, "model*")) File.CreateSymbolicLink(Path.Combine(folder.Path, Path.GetFileName(file)), file);
            JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(family, "config.json")))!.AsObject();
            if (i % 7 == 0) config["quantization_config"] = JsonNode.Parse("""{"quant_method": "fp8", "weight_block_size": [128, 128]}""");
            if (i % 7 == 1) config["quantization_config"] = JsonNode.Parse("""{"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}}}""");
            File.WriteAllText(Path.Combine(folder.Path, "config.json"), new HostileJson(i).Damage(config.ToJsonString()));
            LoadAndRead(folder.Path);
        });
    }

    [Fact]
    public void DamagedHeaders_AreRefusedOrRead()
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, "model.safetensors");
        string header = """
            {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
             "c": {"dtype": "F8_E4M3", "shape": [2, 2], "data_offsets": [32, 36]}, "d": {"dtype": "I64", "shape": [], "data_offsets": [36, 44]}, "e": {"dtype": "BOOL", "shape": [0, 7], "data_offsets": [44, 44]}}
            """;
        Run(5_000, i =>
        {
            var hostile = new HostileJson(i);
            string damaged = hostile.Random.Next(6) == 0 ? header.Insert(header.IndexOf("\"b\"", StringComparison.Ordinal), "\"a\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]}, ") : hostile.Damage(header);
            RawSafetensors.Write(path, damaged, new byte[44]);
            byte[] file = File.ReadAllBytes(path);
            if (hostile.Random.Next(4) == 0) BinaryPrimitives.WriteInt64LittleEndian(file, hostile.Random.Next(5) == 0 ? hostile.Random.NextInt64(long.MinValue, long.MaxValue) : hostile.Random.Next(-10, file.Length + 10));
            if (hostile.Random.Next(4) == 0) file = hostile.Damage(file);
            File.WriteAllBytes(path, file);
            using var reader = new SafetensorsReader(path);
            foreach (string name in reader.Names) reader.Read(name).Dispose();
        });
    }

    [Fact]
    public void DamagedIndexesAndQuantisedTensors_AreRefusedOrLoaded()
    {
        using QuantizedFolder quantized = QuantizedFolder.Bitsandbytes(Golden.Path("families", "llama"), doubleQuant: true);
        string config = Path.Combine(quantized.Path, "config.json"), weights = Path.Combine(quantized.Path, "model.safetensors"), part = Path.Combine(quantized.Path, "part.safetensors"), index = Path.Combine(quantized.Path, "model.safetensors.index.json");
        string sound = File.ReadAllText(config);
        byte[] original = File.ReadAllBytes(weights);
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(original);
        string header = Encoding.UTF8.GetString(original, 8, length), map = $$"""{"metadata": {}, "weight_map": {"a": "part.safetensors", "b": "part.safetensors"} }""";
        Run(2_000, i =>
        {
            var hostile = new HostileJson(i);
            File.Delete(weights);
            File.Delete(index);
            File.WriteAllText(config, sound);
            if (i % 2 == 0)
            {
                File.WriteAllBytes(part, original);
                File.WriteAllText(index, hostile.Damage(map));
            }
            else
            {
                // Half of them keep a sound header around damaged states and codes.
                RawSafetensors.Write(weights, i % 4 == 1 ? hostile.Damage(header) : header, i % 4 == 1 ? original.AsSpan(8 + length) : Spoilt(hostile, original.AsSpan(8 + length).ToArray()));
            }
            LoadAndRead(quantized.Path);
        });

        byte[] Spoilt(HostileJson hostile, byte[] data)
        {
            int state = data.AsSpan().IndexOf("\"quant_type\""u8);
            for (int n = hostile.Random.Next(1, 5); n > 0; n--) data[hostile.Random.Next(2) == 0 ? state + hostile.Random.Next(120) : hostile.Random.Next(data.Length)] = (byte)hostile.Random.Next(32, 127);
            return data;
        }
    }

    private void Run(int cases, Action<int> run)
    {
        using var _ = no_grad();
        List<string> wrong = [];
        int refused = 0;
        for (int i = 0; i < cases; i++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            var clock = Stopwatch.StartNew();
            try
            {
                using DisposeScope scope = NewDisposeScope();
                run(i);
            }
            catch (ModelFormatException)
            {
                refused++;
            }
            catch (Exception e)
            {
                wrong.Add($"case {i}: {e.GetType().Name}: {e.Message.Split('\n')[0]} {string.Join(" < ", (e.StackTrace ?? "").Split('\n').Where(l => l.Contains("TrainingService.Training.M", StringComparison.Ordinal) || l.Contains("Checkpoints", StringComparison.Ordinal)).Take(2).Select(l => l.Trim()))}");
            }
            if (GC.GetAllocatedBytesForCurrentThread() - before is > MostBytes and var bytes) wrong.Add($"case {i}: {bytes} bytes");
            // Usually some milliseconds: only a hang takes so long.
            if (clock.Elapsed.TotalSeconds > 20) wrong.Add($"case {i}: {clock.Elapsed}");
        }
        output.WriteLine($"{refused} of {cases} refused");
        Assert.True(wrong.Count == 0, $"{wrong.Count} wrong:\n{string.Join('\n', wrong.DistinctBy(w => w[w.IndexOf(':', StringComparison.Ordinal)..]).Take(30))}");
        Assert.InRange(refused, cases / 10, cases - 1);
    }

    private static void LoadAndRead(string folder)
    {
        using CausalLanguageModel model = CausalLanguageModel.Load(folder, ComputeType.Float32, CPU);
        using var tape = new Tape(records: false);
        Tensor hidden = model.Norm(tape, model.Forward(tape, zeros([3], ScalarType.Int64), arange(3), new PackedAttention([new PairSpan(0, 3, 0, 0)]), adapter: null)).Value;
        model.Head.Logits(hidden, adapter: null);
    }
}
