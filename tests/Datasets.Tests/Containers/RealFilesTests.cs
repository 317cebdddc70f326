using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Tests.Formats;

namespace TrainingService.Datasets.Tests.Containers;

/// <summary>Files as other programs wrote them.</summary>
public sealed class RealFilesTests
{
    [Theory]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.jsonl", "jsonl", 114)]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.csv", "csv", 114)]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.csv.gz", "csv+gzip", 114)]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.tsv", "tsv", 114)]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.duckdb-zstd.parquet", "parquet", 114)]
    [InlineData("formats/hh-rlhf-200.array.json", "json", 200)]
    [InlineData("formats/hh-rlhf-200.csv", "csv", 200)]
    [InlineData("formats/hh-rlhf-200.duckdb-gzip.parquet", "parquet", 200)]
    [InlineData("formats/hh-rlhf-200.duckdb-snappy.parquet", "parquet", 200)]
    [InlineData("formats/hh-rlhf-200.duckdb-uncompressed.parquet", "parquet", 200)]
    [InlineData("formats/hh-rlhf-200.duckdb-zstd.parquet", "parquet", 200)]
    [InlineData("formats/hh-rlhf-200.hyparquet-snappy.parquet", "parquet", 200)]
    [InlineData("formats/orca_openai_format-284.duckdb-snappy.parquet", "parquet", 284)]
    [InlineData("formats/zen.conversational_preference.duckdb-zstd.parquet", "parquet", 19)]
    [InlineData("formats/zen.standard_preference.hyparquet-snappy.parquet", "parquet", 19)]
    [InlineData("llama-factory/dpo_en_demo.json", "json", 300)]
    [InlineData("llama-factory/kto_en_demo.json", "json", 300)]
    [InlineData("hh-rlhf/harmless-base.test.jsonl.gz", "jsonl+gzip", 2312)]
    public void EveryRow_IsRead(string file, string name, int rows)
    {
        ContainerRows read = ContainerRows.Read(Bytes(file));
        Assert.Empty(read.Problems);
        Assert.Equal(name, read.Name);
        Assert.Equal(Enumerable.Range(1, rows).Select(i => (long)i), read.Numbers);
    }

    [Theory]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.jsonl",
        "formats/dpo_en_demo.single-turn.prompt-chosen-rejected.csv", "formats/dpo_en_demo.single-turn.prompt-chosen-rejected.csv.gz",
        "formats/dpo_en_demo.single-turn.prompt-chosen-rejected.tsv", "formats/dpo_en_demo.single-turn.prompt-chosen-rejected.duckdb-zstd.parquet")]
    [InlineData("formats/hh-rlhf-200.array.json",
        "formats/hh-rlhf-200.csv", "formats/hh-rlhf-200.duckdb-gzip.parquet", "formats/hh-rlhf-200.duckdb-snappy.parquet",
        "formats/hh-rlhf-200.duckdb-uncompressed.parquet", "formats/hh-rlhf-200.duckdb-zstd.parquet", "formats/hh-rlhf-200.hyparquet-snappy.parquet")]
    [InlineData("trl-zen/zen.conversational_preference.jsonl", "formats/zen.conversational_preference.duckdb-zstd.parquet")]
    [InlineData("orca/orca_dpo_pairs.validation.jsonl", "formats/orca_openai_format-284.duckdb-snappy.parquet")]
    [InlineData("trl-zen/zen.standard_preference.jsonl", "formats/zen.standard_preference.hyparquet-snappy.parquet")]
    public void TheSameRows_AreTheSameInEveryContainer(string file, params string[] others)
    {
        IReadOnlyList<string> rows = ContainerRows.Read(Bytes(file)).Rows;
        foreach (string other in others)
            Assert.Equal(rows, ContainerRows.Read(Bytes(other)).Rows);
    }

    [Theory]
    [InlineData("formats/dpo_en_demo.single-turn.prompt-chosen-rejected.tsv", 114)]
    [InlineData("formats/hh-rlhf-200.array.json", 200)]
    [InlineData("formats/orca_openai_format-284.duckdb-snappy.parquet", 284)]
    [InlineData("formats/zen.conversational_preference.duckdb-zstd.parquet", 19)]
    [InlineData("hh-rlhf/harmless-base.test.jsonl.gz", 2312)]
    public async Task EveryRow_IsAPairOrToldWhyNot(string file, int rows)
    {
        byte[] bytes = Bytes(file);
        TrainingFileCheck check = await TrainingFile.CheckAsync(new MemoryStream(bytes), TestContext.Current.CancellationToken);
        Assert.Equal(rows, check.Rows);
        Assert.NotNull(check.Format);
        Assert.All(check.FirstProblems, p => Assert.NotEqual(0, p.Row));
        if (check.IsValid) Assert.Equal(rows, TrainingFile.Read(new MemoryStream(bytes)).Count());
    }

    private static byte[] Bytes(string file) => File.ReadAllBytes(TestFiles.Shared(["data", "preference", .. file.Split('/')]));
}
