using System.Text;

namespace TrainingService.Datasets.Tests.Containers;

public sealed class JsonArrayTests
{
    [Theory]
    [InlineData("""[{"a":1},{"a":[{"b":{}}]}]""")]
    [InlineData("""[{"a":1},{"a":[{"b":{}}]}]""", "\uFEFF \n", "\n")]
    [InlineData("""{"data":[{"a":1},{"a":[{"b":{}}]}]}""")]
    [InlineData("""{"version":[1,{"x":[]}],"data":[{"a":1},{"a":[{"b":{}}]}],"data2":[{}],"n":{"data":[{}]}}""")]
    [InlineData("""{"features":[{"name":"a"}],"rows":[{"row_idx":0,"row":{"a":1},"truncated_cells":[]},{"row_idx":1,"row":{"a":[{"b":{}}]},"truncated_cells":[]}],"partial":false}""")]
    public void Elements_AreRows(string text, string before = "", string after = "")
    {
        ContainerRows read = ContainerRows.Read(before + text + after);
        Assert.Empty(read.Problems);
        Assert.Equal("json", read.Name);
        Assert.Equal(["""{"a":1}""", """{"a":[{"b":{}}]}"""], read.Rows);
        Assert.Equal([1, 2], read.Numbers);
    }

    [Theory]
    [InlineData("""{"data":"x","messages":[{"role":"user"}]}""")]
    [InlineData("""{"chosen":[{"data":[1]}]}""")]
    public void AnObjectWithoutSuchAField_IsARow(string text)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Equal("jsonl", read.Name);
        Assert.Equal(text, Assert.Single(read.Rows));
    }

    [Fact]
    public void AnObjectThatAnotherFollows_IsARow_WhateverItsFieldsAreCalled()
    {
        ContainerRows read = ContainerRows.Read("""{"a":1,"examples":[{"b":2}]}""" + "\n" + """{"a":2,"examples":[]}""" + "\n");
        Assert.Equal("jsonl", read.Name);
        Assert.Equal(["""{"a":1,"examples":[{"b":2}]}""", """{"a":2,"examples":[]}"""], read.Rows);
        Assert.Empty(read.Problems);
    }

    [Fact]
    public void ListsUnderSeveralNames_AreRefused_AndNoneIsDroppedInSilence()
    {
        ContainerRows read = ContainerRows.Read("""{"test":[{"a":1}],"n":3,"train":[{"a":2},{"a":3}]}""");
        Assert.Equal("The file's object has lists of rows in 'test' and in 'train'. Upload one of them, in a file of its own.", Assert.Single(read.Problems).Reason);
    }

    [Theory]
    [InlineData("""[{"a":1},5,{"a":1}]""", 2, "object is expected")]
    [InlineData("""[{"a":1},{"a":1,"a":2},{"a":1}]""", 2, "given twice")]
    [InlineData("""[{"a":1},{"\ud800":2},{"a":1}]""", 2, "surrogate")]
    public void ABadElement_IsTold(string text, long row, string told)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Equal(row, Assert.Single(read.Problems).Row);
        Assert.Contains(told, read.Problems[0].Reason);
        Assert.Equal([1, 3], read.Numbers);
    }

    [Theory]
    [InlineData("[{\"a\":1},\n{\"a\":x}]", 2, "line 2, byte 6")]
    [InlineData("[{\"a\":1},\n{\"a\":2", 2, "cut off")]
    [InlineData("[{\"a\":1},", 2, "cut off")]
    [InlineData("[{\"a\":1}", 2, "cut off")]
    [InlineData("[{\"a\":1}]\n{\"a\":2}", 2, "line 2, byte 1")]
    [InlineData("{\"data\":[{\"a\":1}]", 2, "cut off")]
    public void BrokenSyntax_EndsTheReading(string text, long row, string told)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Equal("""{"a":1}""", Assert.Single(read.Rows));
        Assert.Equal(row, Assert.Single(read.Problems).Row);
        Assert.Contains(told, read.Problems[0].Reason);
    }

    [Fact]
    public void CutCellsOfTheDatasetViewer_AreTold()
    {
        ContainerRows read = ContainerRows.Read("""{"rows":[{"row_idx":0,"row":{"a":1},"truncated_cells":["a"]}]}""");
        Assert.Contains("""["a"]""", Assert.Single(read.Problems).Reason);
    }

    [Fact]
    public void AnElementWithoutEnd_EndsTheReading()
    {
        ContainerRows read = ContainerRows.Read(Encoding.UTF8.GetBytes("[{\"a\":1},{\"a\":\"" + new string('z', 17 << 20)));
        Assert.Single(read.Rows);
        Assert.Contains("longer than 16 MiB", Assert.Single(read.Problems).Reason);
    }

    [Fact]
    public void EmptyArrays_HaveNoRows() => Assert.Empty(ContainerRows.Read("[]").Problems);
}
