using System.Text;

namespace TrainingService.Datasets.Tests.Containers;

public sealed class CompressionTests
{
    private static readonly byte[] s_lines = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 5000).Select(i => $"{{\"a\":\"row {i * 7919 % 5000}\"}}\n")));

    public static TheoryData<string> Names => ["gzip", "zstd"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Content_IsRead(string name)
    {
        ContainerRows read = ContainerRows.Read(Compress(name, s_lines));
        Assert.Equal($"jsonl+{name}", read.Name);
        Assert.Empty(read.Problems);
        Assert.Equal(ContainerRows.Read(s_lines).Rows, read.Rows);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void SeveralCompressedPieces_AreOneFile(string name)
    {
        ContainerRows read = ContainerRows.Read([.. Compress(name, "{\"a\":1}\n{\"a"u8.ToArray()), .. Compress(name, "\":2}\n"u8.ToArray())]);
        Assert.Equal(["{\"a\":1}", "{\"a\":2}"], read.Rows);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void CutOffData_IsToldAfterItsRows(string name)
    {
        byte[] compressed = Compress(name, s_lines);
        for (int cut = 1; cut < compressed.Length; cut += 97)
        {
            ContainerRows read = ContainerRows.Read(compressed[..^cut]);
            Assert.Equal(0, read.Problems[^1].Row);
            Assert.Contains($"The {name} data is damaged or cut off", read.Problems[^1].Reason);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TwiceCompressedFiles_AreNotUnpackedTwice(string name)
    {
        ContainerRows read = ContainerRows.Read(Compress(name, Compress(name, s_lines)));
        Assert.Empty(read.Rows);
        Assert.Contains("compressed twice", Assert.Single(read.Problems).Reason);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Bombs_AreStopped(string name)
    {
        byte[] blank = new byte[300 << 20];
        blank.AsSpan().Fill((byte)'\n');
        blank[0] = (byte)'{';
        ContainerRows read = ContainerRows.Read(new TrainingService.Datasets.Containers.SynchronousStream(new MemoryStream(Compress(name, blank))));
        Assert.Contains("more than 200 times its size", read.Problems[^1].Reason);
    }

    [Theory]
    [InlineData("PK\u0003\u0004....................", "ZIP")]
    [InlineData("SQLite format 3\0....", "SQLite")]
    [InlineData("just words\nand more", "none of JSON Lines")]
    [InlineData("", null)]
    public void WhatIsNone_IsTold(string text, string? told)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Empty(read.Rows);
        if (told is null) Assert.Empty(read.Problems);
        else Assert.Contains(told, Assert.Single(read.Problems).Reason);
    }

    private static byte[] Compress(string name, byte[] bytes) => name == "gzip" ? ContainerRows.Gzip(bytes) : ContainerRows.Zstd(bytes);
}
