using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

public sealed class TrainingFileShapeTests
{
    [Fact]
    public async Task OpenAIRows_AreConversations()
    {
        const string Row = """
            {"input":{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}],"tools":[{"type":"function","function":{"name":"clock"}}],"parallel_tool_calls":true},"preferred_output":[{"role":"assistant","content":"Hello."}],"non_preferred_output":[{"role":"assistant","content":"What?"}]}
            """;
        TrainingFileCheck check = await TrainingText.CheckAsync(Row);
        Assert.Equal(("openai_preference", 1, 0), (check.Format, check.Rows, check.ProblemCount));
        Assert.Empty(check.Warnings);

        ConversationRow pair = Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Row)));
        Assert.Equal(1, pair.Row);
        Assert.Equal([("system", "Be brief."), ("user", "Hi")], Turns(pair.Prompt));
        Assert.Equal([("assistant", "Hello.")], Turns(pair.Completions[0]));
        Assert.Equal([("assistant", "What?")], Turns(pair.Completions[1]));
        var tool = Assert.IsAssignableFrom<IReadOnlyDictionary<string, object?>>(Assert.Single(pair.Tools!));
        Assert.Equal(["type", "function"], tool.Keys);
    }

    [Fact]
    public void OpenAIToolCallArguments_BecomeObjects()
    {
        const string Row = """
            {"input":{"messages":[{"role":"user","content":"Time?"}]},"preferred_output":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"clock","arguments":"{\"zone\": \"CET\", \"digits\": 2}"}}]}],"non_preferred_output":[{"role":"assistant","content":"No idea."}]}
            """;
        ConversationRow pair = Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Row)));
        var call = (IReadOnlyDictionary<string, object?>)((IReadOnlyList<object?>)pair.Completions[0][0].Fields["tool_calls"]!)[0]!;
        var function = (IReadOnlyDictionary<string, object?>)call["function"]!;
        var arguments = Assert.IsAssignableFrom<IReadOnlyDictionary<string, object?>>(function["arguments"]);
        Assert.Equal([("zone", "CET"), ("digits", 2L)], arguments.Select(a => (a.Key, a.Value)));
        Assert.Null(pair.Completions[0][0].Content);
    }

    [Fact]
    public void TrlMessages_KeepEveryFieldInOrder()
    {
        const string Row = """
            {"prompt":[{"role":"user","content":"Hi","name":"Ann"}],"chosen":[{"reasoning_content":"…","role":"assistant","content":"Hello."}],"rejected":[{"role":"assistant","content":"What?"}],"chat_template_kwargs":{"enable_thinking":false},"tools":"[{\"type\": \"function\"}]"}
            """;
        ConversationRow pair = Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Row)));
        Assert.Equal(["role", "content", "name"], pair.Prompt[0].Fields.Keys);
        Assert.Equal(["reasoning_content", "role", "content"], pair.Completions[0][0].Fields.Keys);
        Assert.Equal(false, pair.TemplateVariables!["enable_thinking"]);
        Assert.Single(pair.Tools!);
    }

    [Fact]
    public void EmptyTools_AreNone()
    {
        const string Row = """{"prompt":[{"role":"user","content":"Hi"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}],"tools":[]}""";
        Assert.Null(Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Row))).Tools);
    }

    [Fact]
    public void TextParts_AreJoined()
    {
        const string Row = """{"prompt":[{"role":"user","content":[{"type":"text","text":"One"},{"type":"text","text":"two"}]}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""";
        ConversationRow pair = Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Row)));
        Assert.Equal("One\ntwo", pair.Prompt[0].Content);
        Assert.Equal("One\ntwo", pair.Prompt[0].Fields["content"]);
    }

    [Theory]
    // Up to the first difference, but before a space in front of it.
    [InlineData("A: one two", "A: one six", "A: one", " two", " six")]
    [InlineData("A: one two", "A: one tea", "A: one t", "wo", "ea")]
    // One is the beginning of the other: before the last character of the shorter, space or not.
    [InlineData("abc", "abcd", "ab", "c", "cd")]
    [InlineData("ab c", "ab cd", "ab ", "c", "cd")]
    // Python counts code points: the two emoji share their first half in UTF-16.
    [InlineData("go 😀", "go 😁", "go", " 😀", " 😁")]
    [InlineData("go😀", "go😀!", "go", "😀", "😀!")]
    public void ImplicitTextPrompt_IsTheSharedBeginning(string chosen, string rejected, string prompt, string chosenRest, string rejectedRest)
    {
        string row = System.Text.Json.JsonSerializer.Serialize(new { chosen, rejected });
        TextRow pair = Assert.IsType<TextRow>(Assert.Single(TrainingText.Read(row)));
        Assert.Equal((1, prompt), (pair.Row, pair.Prompt));
        Assert.Equal([chosenRest, rejectedRest], pair.Completions);
    }

    [Fact]
    public void ImplicitMessagesPrompt_IsTheSharedTurns()
    {
        const string Row = """
            {"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello."},{"role":"user","content":"Go on"},{"role":"assistant","content":"a"}],
             "rejected":[{"content":"Hi","role":"user"},{"role":"assistant","content":"Hello."},{"role":"user","content":"Go on"},{"role":"assistant","content":"b"}]}
            """;
        ConversationRow pair = Assert.IsType<ConversationRow>(Assert.Single(TrainingText.Read(Row.ReplaceLineEndings(""))));
        Assert.Equal([("user", "Hi"), ("assistant", "Hello."), ("user", "Go on")], Turns(pair.Prompt));
        Assert.Equal([("assistant", "a")], Turns(pair.Completions[0]));
        Assert.Equal([("assistant", "b")], Turns(pair.Completions[1]));
    }

    [Fact]
    public async Task RowOfAnotherShape_SaysSo()
    {
        RowProblem problem = await TrainingText.ProblemOfAsync("""{"chosen": "Two", "rejected": "Too"}""");
        Assert.Contains("TRL's standard format without a prompt", problem.Reason);
        Assert.Contains("the file began in TRL's standard format (prompt, chosen and rejected as text)", problem.Reason);
    }

    [Fact]
    public async Task UnusedFields_AreWarnedOfOncePerName()
    {
        const string Row = """{"prompt": "p", "chosen": "c", "rejected": "r", "score": 1}""";
        TrainingFileCheck check = await TrainingText.CheckAsync(TrainingText.Good, Row, Row);
        Assert.True(check.IsValid);
        Assert.Equal(new RowWarning("The field 'score' is not used.", 2, 2), Assert.Single(check.Warnings));
    }

    [Fact]
    public async Task UnusedFieldsWithoutEnd_AreNotAllTold()
    {
        TrainingFileCheck check = await TrainingText.CheckAsync([.. Enumerable.Range(0, 100).Select(i => $$"""{"prompt": "p", "chosen": "c", "rejected": "r", "field{{i}}": 1}""")]);
        Assert.Equal(20, check.Warnings.Count);
    }

    private static IEnumerable<(string, string?)> Turns(IEnumerable<ChatMessage> messages) => messages.Select(m => (m.Role, m.Content));
}
