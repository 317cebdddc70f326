using System.Text;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

/// <summary>Training files written in a test.</summary>
internal static class TrainingText
{
    public const string Good = """{"prompt": "Two and two?", "chosen": " Four.", "rejected": " Five."}""";

    public static Task<TrainingFileCheck> CheckAsync(params string[] lines) => CheckBytesAsync(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"));

    public static async Task<TrainingFileCheck> CheckBytesAsync(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        TrainingFileCheck check = await TrainingFile.CheckAsync(stream, TestContext.Current.CancellationToken);
        Assert.Equal(bytes.Length, stream.Position);
        return check;
    }

    public static List<TrainingRow> Read(params string[] lines) => [.. TrainingFile.Read(new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines))))];

    /// <summary>The problem of a file whose first line is good and whose second is the given one.</summary>
    public static async Task<RowProblem> ProblemOfAsync(string badRow, string goodRow = Good)
    {
        TrainingFileCheck check = await CheckAsync(goodRow, badRow, goodRow);
        Assert.Equal(3, check.Rows);
        RowProblem problem = Assert.Single(check.FirstProblems);
        Assert.Equal((1, 2), (check.ProblemCount, problem.Row));
        return problem;
    }
}
