using System.Text;
using TrainingService.Datasets.Tests.Formats;

namespace TrainingService.Datasets.Tests.Containers;

/// <summary>Whatever the bytes, a reader answers with rows and problems and throws nothing.</summary>
public sealed class DamagedFilesTests
{
    private const int Mutations = 5000;

    public static TheoryData<string> Containers => ["jsonl", "json", "data", "csv", "tsv", "jsonl+gzip", "csv+zstd", "random"];

    [Theory]
    [MemberData(nameof(Containers))]
    public void Mutations_AreToldOrRead(string container) => Mutate(BytesOf(container), Mutations);

    [Theory]
    [InlineData("zen.standard_preference.hyparquet-snappy.parquet")]
    [InlineData("zen.conversational_preference.duckdb-zstd.parquet")]
    public void MutationsOfParquet_AreToldOrRead(string file) => Mutate(File.ReadAllBytes(TestFiles.Shared("data", "preference", "formats", file)), Mutations);

    private static void Mutate(byte[] original, int mutations)
    {
        var random = new Random(7);
        for (int i = 0; i < mutations; i++)
        {
            byte[] bytes = [.. original];
            int flips = 1 << random.Next(6);
            for (int j = 0; j < flips; j++)
            {
                // Footers and headers decide most, so ends are hit as often as middles.
                int at = random.Next(3) switch { 0 => random.Next(Math.Min(32, bytes.Length)), 1 => bytes.Length - 1 - random.Next(Math.Min(600, bytes.Length)), _ => random.Next(bytes.Length) };
                bytes[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(bytes[at] ^ (1 << random.Next(8)));
            }
            if (random.Next(4) == 0) bytes = bytes[..random.Next(bytes.Length)];
            ContainerRows read = ContainerRows.Read(new TrainingService.Datasets.Containers.SynchronousStream(new MemoryStream(bytes)));
            Assert.All(read.Problems, p => Assert.NotEmpty(p.Reason));
        }
    }

    private static byte[] BytesOf(string container)
    {
        string lines = string.Concat(Enumerable.Range(0, 8).Select(i => $"{{\"prompt\":\"p{i} é\",\"chosen\":[{{\"role\":\"user\"}}],\"n\":{i}}}\n"));
        string array = $"[{lines.TrimEnd('\n').Replace("\n", ",\n")}]";
        string csv = "prompt,chosen,label\n" + string.Concat(Enumerable.Range(0, 8).Select(i => $"\"p{i}, \"\"é\"\"\n\",\"[{{\"\"role\"\":\"\"user\"\",\"\"content\"\":\"\"x\"\"}}]\",true\r\n"));
        var random = new byte[400];
        new Random(3).NextBytes(random);
        return container switch
        {
            "jsonl" => Encoding.UTF8.GetBytes(lines),
            "json" => Encoding.UTF8.GetBytes(array),
            "data" => Encoding.UTF8.GetBytes($"{{\"data\":{array}}}"),
            "csv" => Encoding.UTF8.GetBytes(csv),
            "tsv" => Encoding.UTF8.GetBytes(csv.Replace("\",\"", "\"\t\"").Replace("prompt,chosen,label", "prompt\tchosen\tlabel").Replace(",true", "\ttrue")),
            "jsonl+gzip" => ContainerRows.Gzip(Encoding.UTF8.GetBytes(lines)),
            "csv+zstd" => ContainerRows.Zstd(Encoding.UTF8.GetBytes(csv)),
            _ => random,
        };
    }
}
