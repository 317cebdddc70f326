using System.Text;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

public sealed class TrainingFileEncodingTests
{
    private const string Good = TrainingText.Good;

    [Theory]
    [InlineData("\uFEFF" + Good + "\n" + Good + "\n")]
    [InlineData(Good + "\r\n" + Good + "\r\n")]
    [InlineData(Good + "\n" + Good)]
    [InlineData("\n\n" + Good + "\n  \t\n\r\n" + Good + "\n\n\n")]
    [InlineData("\uFEFF\r\n" + Good + "\n" + Good)]
    public async Task HarmlessVariants_AreFine(string text)
    {
        TrainingFileCheck check = await TrainingText.CheckBytesAsync(Encoding.UTF8.GetBytes(text));
        Assert.Equal((2, 0), (check.Rows, check.ProblemCount));
        Assert.Empty(check.Warnings);
    }

    [Fact]
    public void RowNumbers_CountBlankLines() =>
        Assert.Equal([2, 4], TrainingText.Read("", Good, " ", Good).Select(p => (int)p.Row));

    [Theory]
    [InlineData("utf-16", true, "UTF-16")]
    [InlineData("utf-16BE", true, "UTF-16")]
    [InlineData("utf-32", true, "UTF-32")]
    [InlineData("utf-16", false, "UTF-16")]
    [InlineData("utf-16BE", false, "UTF-16")]
    public async Task OtherEncodings_AreAFaultOfTheWholeFile(string name, bool withMark, string reason)
    {
        Encoding encoding = Encoding.GetEncoding(name);
        byte[] text = encoding.GetBytes(Good + "\n" + Good + "\n");
        TrainingFileCheck check = await TrainingText.CheckBytesAsync(withMark ? [.. encoding.Preamble, .. text] : text);
        RowProblem problem = Assert.Single(check.FirstProblems);
        Assert.Equal((0, 1, 0), (check.Rows, check.ProblemCount, problem.Row));
        Assert.Contains(reason, problem.Reason);
        Assert.Contains("save it as UTF-8", problem.Reason);
    }

    [Fact]
    public async Task Latin1_NamesTheRowAndTheByte()
    {
        byte[] text = Encoding.Latin1.GetBytes(Good + "\n" + """{"prompt": "café", "chosen": "c", "rejected": "r"}""");
        RowProblem problem = Assert.Single((await TrainingText.CheckBytesAsync(text)).FirstProblems);
        Assert.Equal(2, problem.Row);
        Assert.Contains("byte 16", problem.Reason);
        Assert.Contains("Latin-1", problem.Reason);
    }

    [Fact]
    public async Task NulByte_NamesTheRow()
    {
        RowProblem problem = await TrainingText.ProblemOfAsync("{\"prompt\": \"p\0\", \"chosen\": \"c\", \"rejected\": \"r\"}");
        Assert.Contains("NUL byte at byte 14", problem.Reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n \n\r\n")]
    [InlineData("\uFEFF")]
    public async Task EmptyFile_IsAProblem(string text)
    {
        RowProblem problem = Assert.Single((await TrainingText.CheckBytesAsync(Encoding.UTF8.GetBytes(text))).FirstProblems);
        Assert.Equal("The file is empty: it has no rows.", problem.ToString());
    }

    [Theory]
    [InlineData(10)]
    [InlineData(2)]
    [InlineData(1)]
    [InlineData(60)]
    public async Task TruncatedLastLine_SaysThatTheFileSeemsCutOff(int kept)
    {
        RowProblem problem = Assert.Single((await TrainingText.CheckBytesAsync(Encoding.UTF8.GetBytes(Good + "\n" + Good[..kept]))).FirstProblems);
        Assert.Equal(2, problem.Row);
        Assert.Contains("seems cut off", problem.Reason);
    }
}
