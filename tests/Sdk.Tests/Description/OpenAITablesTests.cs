using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using TrainingService.Sdk.Tests.Records;
using TrainingService.Tests;

namespace TrainingService.Sdk.Tests.Description;

/// <summary>docs/openai.md names everything that OpenAI describes, and says what is so.</summary>
public sealed partial class OpenAITablesTests(RunningService service)
{
    private static readonly string[] s_lines = File.ReadAllLines(RepositoryRoot.PathOf("docs", "openai.md"));

    private readonly HttpClient _http = service.Http();

    [Fact]
    public void Operations_AreAllInTheTable() =>
        Assert.Equal(OpenAIDescription.Published().Operations.Order(), Table("Operations").Select(row => Code(row[0])).Order());

    [Fact]
    public async Task SupportedOperations_AreInSwagger_AndOthersAreRefusedAsTheTableSays()
    {
        string[] ours = [.. (await DescriptionAsync()).Operations.Select(Shape)];
        foreach (string[] row in Table("Operations"))
        {
            if (row[1] == "supported")
            {
                Assert.Contains(Shape(Code(row[0])), ours);
                continue;
            }
            string[] operation = Code(row[0]).Split(' ');
            using HttpResponseMessage response = await _http.SendAsync(new(new(operation[0]), $"/v1{Parameter().Replace(operation[1], "x")}"));
            JsonNode error = (await response.Content.ReadFromJsonAsync<JsonObject>())!["error"]!;
            Assert.Equal(row[1], $"{(int)response.StatusCode} `{error["code"]}`");
        }
    }

    [Fact]
    public void FieldsOfRequests_AreAllInTheTable()
    {
        OpenAIDescription published = OpenAIDescription.Published();
        foreach (string operation in Supported())
            AssertCovered(published.RequestFields(operation), operation, Table("Fields of requests"), "400");
    }

    [Fact]
    public async Task SupportedFieldsOfRequests_AreInSwagger()
    {
        OpenAIDescription ours = await DescriptionAsync();
        foreach (string[] row in Table("Fields of requests").Where(r => r[2].StartsWith("supported", StringComparison.Ordinal)))
        {
            // A form's fields and a query's entries are written in brackets; metadata's have any name and stand in the text.
            string field = Code(row[1]), bracketed = string.Concat(field.Split('.').Select((part, i) => i == 0 ? part : $"[{part}]"));
            string[] fields = [.. ours.RequestFields(Ours(ours, Code(row[0])))];
            if (row[0].Contains("GET", StringComparison.Ordinal) && field == "metadata") continue;
            Assert.True(fields.Any(f => f == field || f == bracketed || f.StartsWith(bracketed + "[", StringComparison.Ordinal)), $"{row[0]} does not take {field}: {string.Join(", ", fields)}");
        }
    }

    [Fact]
    public async Task RefusedFieldsOfRequests_AreAnsweredAsTheTableSays()
    {
        string[][] refused = [.. Table("Fields of requests").Where(r => r[2].StartsWith("400", StringComparison.Ordinal))];
        Assert.NotEmpty(refused);
        foreach (string[] row in refused)
        {
            Assert.Equal("POST /fine_tuning/jobs", Code(row[0]));
            string field = Code(row[1]);
            var body = new JsonObject { ["model"] = Samples.Model, ["training_file"] = "file-nobody", ["method"] = new JsonObject { ["type"] = "dpo" } };
            if (field.Split('.') is ["method", var inside]) body["method"]![inside] = new JsonObject();
            else body[field] = field == "integrations" ? new JsonArray(new JsonObject { ["type"] = "wandb" }) : new JsonObject();
            using HttpResponseMessage response = await _http.PostAsJsonAsync("/v1/fine_tuning/jobs", body);
            Assert.Equal(400, (int)response.StatusCode);
            Assert.Contains(field, (await response.Content.ReadFromJsonAsync<JsonObject>())!["error"]!["message"]!.GetValue<string>(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void FieldsOfAnswers_AreAllInTheTable()
    {
        OpenAIDescription published = OpenAIDescription.Published();
        Dictionary<string, string> objects = Objects(published);
        foreach (string name in objects.Keys)
            AssertCovered(published.Fields(name, objects.Keys.ToHashSet()), name, Table("Fields of answers"), "absent", "always");
    }

    [Fact]
    public async Task GivenFieldsOfAnswers_AreInSwagger()
    {
        OpenAIDescription published = OpenAIDescription.Published(), ours = await DescriptionAsync();
        foreach ((string name, string operation) in Objects(published))
        {
            string schema = ours.AnswerSchema(Ours(ours, operation))!;
            if (published.AnswerSchema(operation) != name) schema = ours.ItemSchema(schema)!;
            IReadOnlyList<string> fields = ours.Fields(schema, new HashSet<string>());
            foreach (string[] row in Table("Fields of answers").Where(r => Code(r[0]) == name))
            {
                // The settings of a job and the metrics of a checkpoint are told as they are: objects of any keys.
                string field = Code(row[1]);
                if (field.StartsWith("metrics.", StringComparison.Ordinal) || field.StartsWith("hyperparameters.", StringComparison.Ordinal)) continue;
                Assert.Equal(!row[2].StartsWith("absent", StringComparison.Ordinal), fields.Contains(field));
            }
        }
    }

    [Fact]
    public void KnownDifferences_AreInTheTable()
    {
        foreach (Difference difference in Difference.All)
            Assert.True(Table("Differences from recorded answers").Any(row => row[0].StartsWith($"`{difference.Object}`", StringComparison.Ordinal)
                && (row[0].Contains($"`{difference.Field}`", StringComparison.Ordinal) || row[0].Contains($"`{string.Join('.', difference.Field.Split('.')[..^1])}.*`", StringComparison.Ordinal))), $"{difference} is not in docs/openai.md.");
    }

    /// <summary>Named objects of supported operations, each with one that answers with it.</summary>
    private static Dictionary<string, string> Objects(OpenAIDescription published)
    {
        Dictionary<string, string> objects = [];
        foreach (string operation in Supported())
            if (published.AnswerSchema(operation) is { } name)
            {
                objects.TryAdd(name, operation);
                if (published.ItemSchema(name) is { } item) objects.TryAdd(item, operation);
            }
        return objects;
    }

    /// <param name="whole">Words that begin rows of fields that are not gone into.</param>
    private static void AssertCovered(IReadOnlyList<string> fields, string of, string[][] table, params string[] whole)
    {
        (string Field, bool Whole)[] rows = [.. table.Where(r => Code(r[0]) == of).Select(r => (Code(r[1]), whole.Any(w => r[2].StartsWith(w, StringComparison.Ordinal))))];
        foreach (string field in fields)
            Assert.True(rows.Any(r => r.Field == field || (r.Whole && field.StartsWith(r.Field, StringComparison.Ordinal) && field[r.Field.Length] is '.' or '[')), $"{of}: {field} is not in the table.");
        foreach ((string field, _) in rows) Assert.Contains(field, fields);
    }

    private static IEnumerable<string> Supported() => Table("Operations").Where(r => r[1] == "supported").Select(r => Code(r[0]));

    private static string Ours(OpenAIDescription ours, string operation) => ours.Operations.Single(o => Shape(o) == Shape(operation));

    /// <summary>An operation whatever its parameters are called, and without the version in the path.</summary>
    private static string Shape(string operation) => Parameter().Replace(operation.Replace(" /v1/", " /", StringComparison.Ordinal), "{}");

    private static string Code(string cell) => cell.Trim('`');

    /// <summary>The cells of the table below a heading.</summary>
    private static string[][] Table(string heading) =>
        [.. s_lines.SkipWhile(l => l != $"## {heading}").Skip(1).TakeWhile(l => !l.StartsWith("## ", StringComparison.Ordinal))
            .Where(l => l.StartsWith('|')).Skip(2).Select(l => l.Trim('|').Split('|', StringSplitOptions.TrimEntries))];

    private async Task<OpenAIDescription> DescriptionAsync() => new((await _http.GetFromJsonAsync<JsonObject>("/swagger/v1/swagger.json"))!);

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
