using System.Text;
using System.Text.Json;
using TrainingService.Datasets.Formats;
using TrainingService.Domain.Recipes;

namespace TrainingService.Datasets.Tests.Formats;

public sealed class ColumnMappingTests
{
    private const string Row = """{"question":"Two and two?","good":" Four.","bad":" Five.","text":"not meant"}""";

    [Fact]
    public void MappedColumns_AreReadAndNoOthers()
    {
        TextRow row = Assert.IsType<TextRow>(Assert.Single(Read(Row, """{"prompt":"question","chosen":"good","rejected":"bad"}""")));
        Assert.Equal("Two and two?", row.Prompt);
        Assert.Equal([" Four.", " Five."], row.Completions);
    }

    [Fact]
    public void Mapping_OverridesRecognition()
    {
        const string Transcripts = """{"chosen":"\n\nHuman: Hi\n\nAssistant: a","rejected":"\n\nHuman: Hi\n\nAssistant: b"}""";
        Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Transcripts)));
        Assert.IsType<TextRow>(Assert.Single(Read(Transcripts, """{"chosen":"chosen","rejected":"rejected"}""")));
        Assert.Equal(RowKind.Supervised, Assert.Single(Read(Row, """{"prompt":"question","completion":"good"}""")).Kind);
    }

    [Theory]
    [InlineData("""{"prompt":"query","chosen":"good","rejected":"bad"}""", "Row 1, query: The column 'query', which the column mapping names as 'prompt', is missing; the row has the columns 'question', 'good', 'bad', 'text'.")]
    [InlineData("""{"prompt":"question","chosen":"good","rejected":"good"}""", "Row 1, good: It is the same as 'chosen'")]
    public void MappingThatDoesNotFit_NamesTheFilesColumns(string mapping, string message) =>
        Assert.StartsWith(message, Assert.Throws<TrainingFileException>(() => Read(Row, mapping)).Message);

    [Fact]
    public async Task FileOfUnknownShape_IsCustomWithAWarning()
    {
        const string Unknown = """{"question":"Two and two?","good":" Four.","bad":" Five."}""";
        TrainingFileCheck check = await TrainingText.CheckAsync(Unknown, Unknown);
        Assert.Equal(("custom", true, 2L), (check.Format, check.IsValid, check.Rows));
        RowWarning warning = Assert.Single(check.Warnings);
        Assert.Equal((2, 1), (warning.Rows, warning.FirstRow));
        Assert.Contains("'question', 'good', 'bad'", warning.Message);
        Assert.Contains("column mapping", warning.Message);
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(Unknown));
        Assert.Contains("'question', 'good', 'bad'", Assert.Throws<TrainingFileException>(() => TrainingFile.ShapeOf(stream, null)).Message);
    }

    [Theory]
    [InlineData("[]", "columns", "must be an object")]
    [InlineData("""{"promt":"a"}""", "columns.promt", "did you mean 'prompt'?")]
    [InlineData("""{"prompt":7}""", "columns.prompt", "name of a column")]
    [InlineData("""{"prompt":"a","chosen":"b"}""", "columns", "does not make up a row")]
    public void BadMapping_IsRefusedWithItsField(string given, string param, string reason)
    {
        (ColumnMapping? mapping, IReadOnlyList<RecipeProblem> problems) = ColumnMapping.Read(JsonElement.Parse(given), "columns");
        Assert.Null(mapping);
        RecipeProblem problem = Assert.Single(problems);
        Assert.Equal(param, problem.Param);
        Assert.Contains(reason, problem.Message);
    }

    [Fact]
    public void Mapping_IsWrittenAsItIsRead() =>
        Assert.Equal("""{"prompt":"question","completion":"good","label":"liked"}""", Mapping("""{"prompt":"question","completion":"good","label":"liked"}""").Write().ToJsonString());

    private static ColumnMapping Mapping(string json) => ColumnMapping.Read(JsonElement.Parse(json), "columns").Mapping!;

    private static List<TrainingRow> Read(string row, string mapping) => [.. TrainingFile.Read(new MemoryStream(Encoding.UTF8.GetBytes(row)), Mapping(mapping))];
}
