using Parquet;
using Parquet.Schema;

namespace TrainingService.Datasets.Tests.Containers;

public sealed class ParquetFileTests
{
    [Theory]
    [InlineData(CompressionMethod.None)]
    [InlineData(CompressionMethod.Snappy)]
    [InlineData(CompressionMethod.Gzip)]
    [InlineData(CompressionMethod.Zstd)]
    public async Task Values_BecomeJson(CompressionMethod method)
    {
        var text = new DataField<string>("text");
        var number = new DataField<long>("number");
        var score = new DataField<double?>("score");
        var price = new DecimalDataField("price", 10, 2);
        var good = new DataField<bool>("good");
        var when = new DateTimeDataField("when", DateTimeFormat.DateAndTime, isAdjustedToUTC: true);
        byte[] file = await WriteAsync(new ParquetSchema(text, number, score, price, good, when), method, async group =>
        {
            await group.WriteAsync(text, new[] { "é \"1\"\n", null!, "" });
            await group.WriteAsync<long>(number, new[] { long.MaxValue, -1, 0 });
            await group.WriteAsync<double>(score, new double?[] { 0.25, null, double.NaN });
            await group.WriteAsync<decimal>(price, new[] { 12.5m, -0.01m, 0m });
            await group.WriteAsync<bool>(good, new[] { true, false, true });
            await group.WriteAsync<DateTime>(when, Enumerable.Repeat(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc), 3).ToArray());
        });

        ContainerRows read = ContainerRows.Read(file);

        Assert.Empty(read.Problems);
        Assert.Equal(
        [
            """{"text":"\u00E9 \u00221\u0022\n","number":9223372036854775807,"score":0.25,"price":12.50,"good":true,"when":"2026-01-02T03:04:05Z"}""",
            """{"number":-1,"price":-0.01,"good":false,"when":"2026-01-02T03:04:05Z"}""",
            """{"text":"","number":0,"score":null,"price":0.00,"good":true,"when":"2026-01-02T03:04:05Z"}""",
        ], read.Rows);
    }

    [Fact]
    public async Task ListsOfStructs_BecomeListsOfObjects()
    {
        var role = new DataField<string>("role");
        var ids = new DataField<int?>("element");
        var schema = new ParquetSchema(new ListField("messages", new StructField("element", role)), new ListField("ids", ids));
        byte[] file = await WriteAsync(schema, CompressionMethod.Snappy, async group =>
        {
            // Two messages, none, an empty list, one without a role. Levels: list 1, its elements 2, the struct 3, its role 4.
            await group.WriteAllPartsAsync<ReadOnlyMemory<char>>(role, new[] { "user".AsMemory(), "tool".AsMemory() }, new[] { 4, 4, 0, 1, 3 }, new[] { 0, 1, 0, 0, 0 }, TestContext.Current.CancellationToken);
            await group.WriteAllPartsAsync<int>(ids, new[] { 7, 8 }, new[] { 3, 2, 3, 1, 0, 0 }, new[] { 0, 1, 1, 0, 0, 0 }, TestContext.Current.CancellationToken);
        });

        ContainerRows read = ContainerRows.Read(file);

        Assert.Empty(read.Problems);
        Assert.Equal(["""{"messages":[{"role":"user"},{"role":"tool"}],"ids":[7,null,8]}""", """{"ids":[]}""", """{"messages":[]}""", """{"messages":[{}]}"""], read.Rows);
    }

    [Fact]
    public async Task Maps_BecomeObjects()
    {
        var key = new DataField<string>("key", nullable: false);
        var value = new DataField<int?>("value");
        byte[] file = await WriteAsync(new ParquetSchema(new MapField("counts", key, value)), CompressionMethod.None, async group =>
        {
            await group.WriteAllPartsAsync<ReadOnlyMemory<char>>(key, new[] { "a".AsMemory(), "b".AsMemory() }, new[] { 2, 2, 1 }, new[] { 0, 1, 0 }, TestContext.Current.CancellationToken);
            await group.WriteAllPartsAsync<int>(value, new[] { 5 }, new[] { 3, 2, 1 }, new[] { 0, 1, 0 }, TestContext.Current.CancellationToken);
        });
        Assert.Equal(["""{"counts":{"a":5,"b":null}}""", """{"counts":{}}"""], ContainerRows.Read(file).Rows);
    }

    [Fact]
    public async Task RowGroups_CountOn()
    {
        var text = new DataField<string>("text");
        using var stream = new MemoryStream();
        await using (ParquetWriter writer = await ParquetWriter.CreateAsync(new ParquetSchema(text), stream))
        {
            foreach (string[] rows in (string[][])[["a", "b"], [], ["c"]])
            {
                using ParquetRowGroupWriter group = writer.CreateRowGroup();
                await group.WriteAsync(text, rows);
            }
        }
        ContainerRows read = ContainerRows.Read(stream.ToArray());
        Assert.Empty(read.Problems);
        Assert.Equal([1, 2, 3], read.Numbers);
        Assert.Equal("""{"text":"c"}""", read.Rows[2]);
        Assert.Equal(read.Rows, ContainerRows.Read(ContainerRows.Gzip(stream.ToArray())).Rows);
        Assert.Equal("parquet+zstd", ContainerRows.Read(ContainerRows.Zstd(stream.ToArray())).Name);
    }

    [Fact]
    public async Task BytesThatAreNoText_AreToldWithTheirRow()
    {
        var image = new DataField<byte[]>("image");
        byte[] file = await WriteAsync(new ParquetSchema(image), CompressionMethod.Snappy, group => group.WriteAsync(image, new[] { "text"u8.ToArray(), [0xFF, 0xD8], "more"u8.ToArray() }));
        ContainerRows read = ContainerRows.Read(file);
        Assert.Equal([1, 3], read.Numbers);
        Assert.Equal(2, Assert.Single(read.Problems).Row);
        Assert.Contains("'image' are not text", read.Problems[0].Reason);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(100)]
    public async Task CutOffFiles_AreTold(int cut)
    {
        var text = new DataField<string>("text");
        byte[] file = await WriteAsync(new ParquetSchema(text), CompressionMethod.Snappy, group => group.WriteAsync(text, new[] { "a" }));
        ContainerRows read = ContainerRows.Read(file[..^cut]);
        Assert.Equal(0, Assert.Single(read.Problems).Row);
        Assert.Contains("Parquet file is damaged", read.Problems[0].Reason);
    }

    private static async Task<byte[]> WriteAsync(ParquetSchema schema, CompressionMethod method, Func<ParquetRowGroupWriter, Task> write)
    {
        using var stream = new MemoryStream();
        await using (ParquetWriter writer = await ParquetWriter.CreateAsync(schema, stream, new ParquetOptions { CompressionMethod = method }))
        {
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            await write(group);
        }
        return stream.ToArray();
    }
}
