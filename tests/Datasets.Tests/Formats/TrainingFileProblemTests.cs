using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

public sealed class TrainingFileProblemTests
{
    private const string GoodOpenAI = """{"input":{"messages":[{"role":"user","content":"Hi"}]},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""";
    private const string GoodMessages = """{"prompt":[{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""";

    [Theory]
    [InlineData("""{"prompt": "p", "chosen": "c"}""", "rejected", "missing")]
    [InlineData("""{"prompt": "p", "chosen": "c", "rejected": null}""", "rejected", "not null")]
    [InlineData("""{"prompt": 3, "chosen": "c", "rejected": "r"}""", "prompt", "not a number")]
    [InlineData("""{"prompt": "", "chosen": "c", "rejected": "r"}""", "prompt", "empty")]
    [InlineData("""{"prompt": "p", "chosen": "", "rejected": "r"}""", "chosen", "empty")]
    [InlineData("""{"prompt": "p", "chosen": "c", "rejected": "c"}""", "rejected", "same as 'chosen'")]
    [InlineData("""{"prompt": "p", "chosen": "c\u0000", "rejected": "r"}""", "chosen", "NUL")]
    [InlineData("""{"prompt": [{"role":"user","content":"Hi"}], "chosen": "c", "rejected": "r"}""", "prompt", "all text or all lists")]
    [InlineData("""{"prompt": "p", "chosen": "c", "rejected": "r", "rejected": "s"}""", "rejected", "twice")]
    [InlineData("""{"prompt": "p", "chosen": "c", "rejected": "r", "meta": {"a": 1, "b": {"x": 1, "x": 2}}}""", "meta.b.x", "twice")]
    [InlineData("""{"prompt": "p", "chosen": "\ud83d", "rejected": "r"}""", "", "surrogate")]
    [InlineData("""["p", "c", "r"]""", "", "not a list")]
    [InlineData("\"text\"", "", "not a text")]
    [InlineData("""{"question": "x"}""", "", "fields 'question'")]
    [InlineData("""{"prompt": "p"}""", "prompt", "a prompt alone")]
    [InlineData("""{"prompt": "p", "completions": ["a", "b"], "labels": [true, false]}""", "completions", "judges single steps")]
    [InlineData("""{"prompt": "p", "completion": "c", "label": true}""", "", "The row is in TRL's unpaired format")]
    [InlineData("""{"messages": []}""", "", "The row is in OpenAI's chat format")]
    [InlineData("{}", "", "no fields")]
    [InlineData("""{"prompt": "p", """, "", "one line")]
    [InlineData("""{'prompt': 'p'}""", "", "not valid JSON at byte 2")]
    [InlineData("""{"prompt": "p", "chosen": "c", "rejected": "r"} {}""", "", "not valid JSON at byte")]
    [InlineData("""{"prompt": "p", "chosen": NaN, "rejected": "r"}""", "", "not valid JSON at byte")]
    public async Task BadTextRow_IsNamedWithFieldAndReason(string row, string field, string reason)
    {
        RowProblem problem = await TrainingText.ProblemOfAsync(row);
        Assert.Equal(field, problem.Field);
        Assert.Contains(reason, problem.Reason);
    }

    [Theory]
    [InlineData("[]", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt", "empty")]
    [InlineData("7", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt", "not a number")]
    [InlineData("""[{"role":"user","content":"Hi"}]""", """{"role":"assistant","content":"a"}""", """[{"role":"assistant","content":"b"}]""", "chosen", "not an object")]
    [InlineData("""[{"role":"user","content":"Hi"}]""", """["a"]""", """[{"role":"assistant","content":"b"}]""", "chosen[0]", "not a text")]
    [InlineData("""[{"content":"Hi"}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].role", "missing")]
    [InlineData("""[{"from":"human","value":"Hi"}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].role", "in place of 'from'")]
    [InlineData("""[{"role":"human","content":"Hi"}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].role", "'human' is not known")]
    [InlineData("""[{"role":"user","content":7}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].content", "not a number")]
    [InlineData("""[{"role":"user"}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].content", "missing")]
    [InlineData("""[{"role":"user","content":null}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].content", "not null")]
    [InlineData("""[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[0].content", "Only text parts")]
    [InlineData("""[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes"}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "prompt[1].role", "ends with an assistant message")]
    [InlineData("""[{"role":"user","content":"Hi"}]""", """[{"role":"user","content":"a"}]""", """[{"role":"assistant","content":"b"}]""", "chosen[0].role", "begins with an assistant message")]
    [InlineData("""[{"role":"user","content":"Hi"}]""", """[{"role":"assistant","content":"a"},{"role":"user","content":"x"}]""", """[{"role":"assistant","content":"b"}]""", "chosen[1].role", "ends with an assistant message")]
    [InlineData("""[{"role":"user","content":"Hi"}]""", """[{"role":"assistant","content":"a"}]""", """[{"role":"assistant","content":""}]""", "rejected[0].content", "answer is empty")]
    [InlineData("""[{"role":"user","content":"Hi"}]""", """[{"role":"assistant","content":"a"}]""", """[{"content":"a","role":"assistant"}]""", "rejected", "same as 'chosen'")]
    public async Task BadMessagesRow_IsNamedWithFieldAndReason(string prompt, string chosen, string rejected, string field, string reason)
    {
        RowProblem problem = await TrainingText.ProblemOfAsync($$"""{"prompt":{{prompt}},"chosen":{{chosen}},"rejected":{{rejected}}}""", GoodMessages);
        Assert.Equal(field, problem.Field);
        Assert.Contains(reason, problem.Reason);
    }

    [Theory]
    [InlineData("""{"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""", "input", "missing")]
    [InlineData("""{"input":[],"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""", "input", "not a list")]
    [InlineData("""{"input":{"messages":[{"role":"user","content":"Hi"}]},"preferred_output":[{"role":"assistant","content":"a"}]}""", "non_preferred_output", "missing")]
    [InlineData("""{"input":{"messages":[{"role":"user","content":"Hi"}]},"preferred_output":[],"non_preferred_output":[{"role":"assistant","content":"b"}]}""", "preferred_output", "empty")]
    [InlineData("""{"input":{"messages":[{"role":"user","content":"Hi"}]},"preferred_output":[{"role":"assistant","content":"a"},{"role":"user","content":"x"},{"role":"assistant","content":"y"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""", "preferred_output[1].role", "assistant messages only")]
    [InlineData("""{"input":{"messages":[{"role":"user","content":"Hi"}],"tools":{}},"preferred_output":[{"role":"assistant","content":"a"}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""", "input.tools", "list of tool objects")]
    [InlineData("""{"input":{"messages":[{"role":"user","content":"Hi"}]},"preferred_output":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{oops"}}]}],"non_preferred_output":[{"role":"assistant","content":"b"}]}""", "preferred_output[0].tool_calls[0].function.arguments", "JSON object")]
    public async Task BadOpenAIRow_IsNamedWithFieldAndReason(string row, string field, string reason)
    {
        RowProblem problem = await TrainingText.ProblemOfAsync(row, GoodOpenAI);
        Assert.Equal(field, problem.Field);
        Assert.Contains(reason, problem.Reason);
    }

    [Theory]
    [InlineData("""{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"Ho"},{"role":"assistant","content":"b"}]}""", "chosen", "no prompt")]
    [InlineData("""{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"x"},{"role":"assistant","content":"c"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"},{"role":"user","content":"y"},{"role":"assistant","content":"d"}]}""", "chosen[1].role", "ends with an assistant message")]
    [InlineData("""{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":""}]}""", "rejected[1].content", "answer is empty")]
    public async Task BadImplicitRow_IsNamedWithItsPlaceInTheWholeConversation(string row, string field, string reason)
    {
        RowProblem problem = Assert.Single((await TrainingText.CheckAsync(row)).FirstProblems);
        Assert.Equal(field, problem.Field);
        Assert.Contains(reason, problem.Reason);
    }

    [Fact]
    public async Task DeepNesting_IsRefused()
    {
        string row = $$"""{"prompt": "p", "chosen": "c", "rejected": "r", "x": {{new string('[', 100_000)}}{{new string(']', 100_000)}}}""";
        Assert.Contains("64 levels", (await TrainingText.ProblemOfAsync(row)).Reason);
    }

    [Fact]
    public async Task LineAboveTheLimit_IsRefusedAndTheNextIsRead()
    {
        string row = $$"""{"prompt": "{{new string('p', 17 << 20)}}", "chosen": "c", "rejected": "r"}""";
        Assert.Contains("16 MiB", (await TrainingText.ProblemOfAsync(row)).Reason);
    }

    [Fact]
    public async Task EveryBadRow_IsCountedAndTheFirstTwentyTold()
    {
        TrainingFileCheck check = await TrainingText.CheckAsync([TrainingText.Good, .. Enumerable.Repeat("{}", 50), TrainingText.Good]);
        Assert.Equal((52, 50), (check.Rows, check.ProblemCount));
        Assert.Equal(Enumerable.Range(2, 20), check.FirstProblems.Select(p => (int)p.Row));
        Assert.False(check.IsValid);
    }

    [Fact]
    public async Task RowsBeforeAKnownShape_DoNotDecideIt()
    {
        TrainingFileCheck check = await TrainingText.CheckAsync("{}", TrainingText.Good);
        Assert.Equal(("trl_text", 1L), (check.Format, check.ProblemCount));
    }

    [Fact]
    public void ReadingABadRow_Throws()
    {
        var exception = Assert.Throws<TrainingFileException>(() => TrainingText.Read(TrainingText.Good, """{"prompt": "p", "chosen": "c"}"""));
        Assert.Equal("Row 2, rejected: The field is missing.", exception.Message);
    }
}
