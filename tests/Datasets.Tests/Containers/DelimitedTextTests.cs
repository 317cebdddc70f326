using System.Text;

namespace TrainingService.Datasets.Tests.Containers;

public sealed class DelimitedTextTests
{
    [Theory]
    [InlineData("a,b\n1,2\n3,4\n", """{"a":"1","b":"2"}|{"a":"3","b":"4"}""")]
    [InlineData("\uFEFFa,b\r\n1,2\r\n3,4", """{"a":"1","b":"2"}|{"a":"3","b":"4"}""")]
    [InlineData("a,b\r1,2\r3,4\r", """{"a":"1","b":"2"}|{"a":"3","b":"4"}""")]
    [InlineData("\n\na,b\n\n1,2\n\r\n\n3,4\n\n", """{"a":"1","b":"2"}|{"a":"3","b":"4"}""")]
    [InlineData("a;b\n1,5;2\n", """{"a":"1,5","b":"2"}""")]
    [InlineData("a\tb\n\"1\t\n2\"\t 3 \n", """{"a":"1\t\n2","b":" 3 "}""")]
    [InlineData("\"a, b\",\"c\"\"d\"\n\"x\r\ny\",\"say \"\"hi\"\"\"\n", """{"a, b":"x\r\ny","c\u0022d":"say \u0022hi\u0022"}""")]
    [InlineData("a,b\n5\" disk,it's \"so\"\n", """{"a":"5\u0022 disk","b":"it\u0027s \u0022so\u0022"}""")]
    [InlineData("a,b\n\"\"\"\",\"\"\n\"\"\"\"\"\",x", """{"a":"\u0022"}|{"a":"\u0022\u0022","b":"x"}""")]
    [InlineData("a,b\n,x\ny,\n", """{"b":"x"}|{"a":"y"}""")]
    [InlineData("a,b\n\\n,\\\"\n", """{"a":"\\n","b":"\\\u0022"}""")]
    public void Cells_AreRead(string text, string rows)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Empty(read.Problems);
        Assert.Equal(rows.Split('|'), read.Rows);
        Assert.Equal(Enumerable.Range(1, read.Rows.Count).Select(i => (long)i), read.Numbers);
    }

    [Theory]
    [InlineData("prompt", """[{"role":"user","content":"Hi"}]""", true)]
    [InlineData("chosen", """ [{"role":"assistant","tool_calls":[]}] """, true)]
    [InlineData("rejected", """{"from":"gpt","value":"Hi"}""", true)]
    [InlineData("input", """{"messages":[]}""", true)]
    [InlineData("conversations", "[]", true)]
    [InlineData("tools", """[{"type":"function"}]""", true)]
    [InlineData("chosen_ids", "[1,2,3]", true)]
    [InlineData("chosen", "[1,2,3]", false)]
    [InlineData("chosen", """{"answer":42}""", false)]
    [InlineData("chosen", """[{"name":"x"}]""", false)]
    [InlineData("chosen", """[{"role":"user","content":"Hi"}, 1]""", false)]
    [InlineData("messages", "[{broken}]", false)]
    public void JsonInACell_IsAValueWhereTextCannotBeMeant(string column, string cell, bool isValue)
    {
        ContainerRows read = ContainerRows.Read($"x,{column}\n1,\"{cell.Replace("\"", "\"\"")}\"\n");
        Assert.Empty(read.Problems);
        using var row = System.Text.Json.JsonDocument.Parse(Assert.Single(read.Rows));
        Assert.Equal(!isValue, row.RootElement.GetProperty(column).ValueKind == System.Text.Json.JsonValueKind.String);
        if (!isValue) Assert.Equal(cell, row.RootElement.GetProperty(column).GetString());
        else Assert.Equal(cell.Trim(), row.RootElement.GetProperty(column).GetRawText());
    }

    [Theory]
    [InlineData("true", "true")]
    [InlineData("False", "false")]
    [InlineData("1", "true")]
    [InlineData(" 0", "false")]
    [InlineData("2", "\"2\"")]
    [InlineData("yes", "\"yes\"")]
    public void Labels_AreBooleans(string cell, string value) =>
        Assert.Equal($$"""{"prompt":"1","label":{{value}}}""", Assert.Single(ContainerRows.Read($"prompt,label\n1,{cell}\n").Rows));

    [Theory]
    [InlineData("a,b\n1,2,3\nx,y\n", 1, "3 cells", "names 2 columns (a, b)", "line 2")]
    [InlineData("\na,b\n\r\nx,\"y\"\n3\n", 2, "1 cells", "line 5")]
    [InlineData("\"a\",b\r\n\"\r\n\n\",1,2\r\nx,y\r", 1, "3 cells", "line 2")]
    [InlineData("a,b\nx,y\n\"1\"2,3\n", 2, "closing quote of cell 1", "twice")]
    [InlineData("a,b\nx,y\n1,\"2\n3,4\n", 2, "never closed", "line 3")]
    [InlineData("a,b\nx,y\n1,\0\n", 2, "NUL byte at byte 3", "line 3")]
    public void BadRows_TellWhereAndWhy(string text, long row, params string[] told)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Equal(row, Assert.Single(read.Problems).Row);
        Assert.All(told, t => Assert.Contains(t, read.Problems[0].Reason));
        Assert.Equal("""{"a":"x","b":"y"}""", Assert.Single(read.Rows));
    }

    [Theory]
    [InlineData("a,b,a\n1,2,3\n", "'a' twice")]
    [InlineData(",a,b\n0,1,2\n", "index=False")]
    [InlineData("a,,b\n", "Column 2")]
    [InlineData("\"a\"x,b\n1,2\n", "closing quote of column 1")]
    public void BadHeaders_CondemnTheFile(string text, string told)
    {
        ContainerRows read = ContainerRows.Read(text);
        Assert.Equal(0, Assert.Single(read.Problems).Row);
        Assert.Contains(told, read.Problems[0].Reason);
        Assert.Empty(read.Rows);
    }

    [Fact]
    public void Latin1_NamesTheRow()
    {
        ContainerRows read = ContainerRows.Read(Encoding.Latin1.GetBytes("a,b\nx,y\ncafé,2\n"));
        Assert.Equal(2, Assert.Single(read.Problems).Row);
        Assert.Contains("byte 4 of the row", read.Problems[0].Reason);
        Assert.Contains("Latin-1", read.Problems[0].Reason);
    }

    [Fact]
    public void ARowWithoutEnd_EndsTheReading()
    {
        ContainerRows read = ContainerRows.Read(Encoding.UTF8.GetBytes("a,b\nx,y\n1,\"" + new string('z', 17 << 20)));
        Assert.Single(read.Rows);
        Assert.Equal(2, Assert.Single(read.Problems).Row);
        Assert.Contains("longer than 16 MiB", read.Problems[0].Reason);
    }
}
