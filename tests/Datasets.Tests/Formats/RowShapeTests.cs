using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

public sealed class RowShapeTests
{
    [Theory]
    [InlineData("openai_chat", """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"No","weight":0},{"role":"user","content":"Go"},{"role":"assistant","content":"Yes","weight":1}],"parallel_tool_calls":false}""", " => user: Hi | assistant: No | user: Go | assistant: Yes")]
    [InlineData("trl_unpaired_text", """{"prompt":"p","completion":"c","label":false}""", "p => c (False)")]
    [InlineData("trl_unpaired_text", """{"prompt":"p","completion":"c","label":"True"}""", "p => c (True)")]
    [InlineData("trl_unpaired_messages", """{"prompt":[{"role":"user","content":"Hi"}],"completion":[{"role":"assistant","content":"a"}],"label":1}""", "user: Hi => assistant: a (True)")]
    [InlineData("trl_prompt_completion_text", """{"prompt":"p","completion":"c"}""", "p => c")]
    [InlineData("trl_prompt_completion_messages", """{"prompt":[{"role":"user","content":"Hi"}],"completion":[{"role":"assistant","content":"a"}]}""", "user: Hi => assistant: a")]
    [InlineData("trl_language_modeling", """{"text":"t"}""", " => t")]
    [InlineData("hh_rlhf", """{"chosen":"\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Go\n\nAssistant: a","rejected":"\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Go\n\nAssistant: b"}""", "user: Hi | assistant: Yes? | user: Go => assistant: a // assistant: b")]
    [InlineData("hh_rlhf", """{"chosen":"Human: Hi\n\nAssistant: a","rejected":"Human: Hi\n\nAssistant:"}""", "left out: An answer of the transcripts is empty.")]
    [InlineData("alpaca_ranking", """{"instruction":"Add","input":"1 2","chosen":"3","rejected":"4","system":"Be brief","history":[["Hi","Yes?"]]}""", "system: Be brief | user: Hi | assistant: Yes? | user: Add\n1 2 => assistant: 3 // assistant: 4")]
    [InlineData("alpaca", """{"instruction":"Add","input":"","output":"3"}""", " => user: Add | assistant: 3")]
    [InlineData("alpaca_kto", """{"instruction":"Add","output":"3","kto_tag":true}""", "user: Add => assistant: 3 (True)")]
    [InlineData("sharegpt_ranking", """{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"Hi"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}""", "system: s | user: Hi => assistant: a // assistant: b")]
    [InlineData("sharegpt_ranking", """{"messages":[{"role":"user","content":"Hi"}],"chosen":{"role":"assistant","content":"a"},"rejected":{"role":"assistant","content":"b"},"system":"s"}""", "system: s | user: Hi => assistant: a // assistant: b")]
    [InlineData("sharegpt_kto", """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"}],"label":false}""", "user: Hi => assistant: a (False)")]
    [InlineData("sharegpt", """{"conversations":[{"from":"human","value":"Hi"},{"from":"function_call","value":"{\"name\": \"f\", \"arguments\": {\"x\": 1}}"},{"from":"observation","value":"7"},{"from":"gpt","value":"a"}],"tools":"[{\"name\": \"f\"}]"}""", " => user: Hi | assistant: calls f | tool: 7 | assistant: a [function]")]
    [InlineData("ultrafeedback", """{"instruction":"Hi","completions":[{"response":"b","overall_score":3},{"response":"a","overall_score":8.5},{"response":"c","overall_score":"1"},{"response":"d","overall_score":null}]}""", "user: Hi => assistant: a // assistant: c")]
    [InlineData("ultrafeedback", """{"instruction":"Hi","completions":[{"response":"b","annotations":{"honesty":{"Rating":"2"},"truthfulness":{"Rating":"3"}}},{"response":"a","annotations":{"honesty":{"Rating":"5"},"truthfulness":{"Rating":"1"}}}]}""", "user: Hi => assistant: a // assistant: b")]
    [InlineData("ultrafeedback", """{"instruction":"Hi","completions":[{"response":"b","fine-grained_score":3},{"response":"a","fine-grained_score":3}]}""", "left out: All of its answers have the same score.")]
    [InlineData("ultrafeedback", """{"instruction":"Hi","completions":[{"response":"b","ratings":[3]}]}""", "left out: Fewer than two of its answers have a text and a score.")]
    [InlineData("ultrafeedback_binarized", """{"prompt":"Hi","chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"b"}],"score_chosen":8,"score_rejected":2}""", "user: Hi => assistant: a // assistant: b")]
    [InlineData("ultrafeedback_binarized", """{"prompt":"Hi","chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""", "user: Hi => assistant: a // assistant: b")]
    [InlineData("ultrafeedback_binarized", """{"prompt":"Hi","chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}],"chosen_rating":5,"rejected_rating":5}""", "left out: Both of its answers have the same score.")]
    [InlineData("argilla_pairs", """{"system":"s","input":"Hi","chosen":"a","rejected":"b","status":"unchanged"}""", "system: s | user: Hi => assistant: a // assistant: b")]
    [InlineData("argilla_pairs", """{"system":"","question":"Hi","chosen":"a","rejected":"b"}""", "user: Hi => assistant: a // assistant: b")]
    [InlineData("argilla_pairs", """{"instruction":"Hi","chosen_response":"a","rejected_response":"b"}""", "user: Hi => assistant: a // assistant: b")]
    [InlineData("argilla_pairs", """{"input":"Hi","chosen":"a","rejected":"b","status":"tie"}""", "left out: Its status is a tie.")]
    [InlineData("distilabel_ratings", """{"instruction":"Hi","generations":["b",null,"a"],"ratings":[1,null,4]}""", "user: Hi => assistant: a // assistant: b")]
    [InlineData("tokenized_preference", """{"prompt_ids":[1,2],"chosen_ids":[3],"rejected_ids":[4,5]}""", "1,2 => 3 // 4,5")]
    [InlineData("tokenized_unpaired", """{"prompt_ids":[1],"completion_ids":[3],"label":true}""", "1 => 3 (True)")]
    [InlineData("tokenized_prompt_completion", """{"prompt_ids":[1],"completion_ids":[3]}""", "1 => 3")]
    [InlineData("tokenized_sequence", """{"input_ids":[1,2,3]}""", " => 1,2,3")]
    [InlineData("tokenized_sequence", """{"input_ids":[1,2,3],"labels":[-100,2,-100]}""", " => 1,2,3 trained -+-")]
    public async Task GoodRow_IsOfItsShape(string shape, string row, string told)
    {
        TrainingFileCheck check = await TrainingText.CheckAsync(row);
        Assert.Empty(check.FirstProblems);
        Assert.Equal(shape, check.Format);
        TrainingRow read = Assert.Single(TrainingText.Read(row));
        Assert.Equal((1, check.Shape!.Kind), (read.Row, read.Kind));
        Assert.Equal(told, Told(read));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"Hi","weight":1},{"role":"assistant","content":"a"}]}""", "messages[0].weight", "Only assistant messages")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a","weight":0.5}]}""", "messages[1].weight", "0 (read only) or 1")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"a","weight":0}]}""", "messages", "no assistant message to learn from")]
    [InlineData("""{"messages":[{"role":"user","content":"Hi"}]}""", "messages", "no assistant message to learn from")]
    [InlineData("""{"prompt":"p","completion":"c","label":"good"}""", "label", "true (desirable) or false")]
    [InlineData("""{"prompt":"p","completion":"c","label":2}""", "label", "not 2")]
    [InlineData("""{"completion":"c"}""", "prompt", "missing")]
    [InlineData("""{"prompt":[{"role":"user","content":"Hi"}],"completion":[{"role":"user","content":"a"}]}""", "completion[0].role", "begins with an assistant")]
    [InlineData("""{"text":""}""", "text", "empty")]
    [InlineData("""{"chosen":"\n\nHuman: Hi\n\nAssistant: a","rejected":"\n\nHuman: Ho\n\nAssistant: b"}""", "chosen", "no prompt")]
    [InlineData("""{"chosen":"\n\nHuman: Hi\n\nAssistant: a","rejected":"Hello"}""", "rejected", "does not begin with")]
    [InlineData("""{"chosen":"\n\nHuman: Hi\n\nAssistant: a","rejected":"\n\nHuman: Hi\n\nHuman: b"}""", "rejected", "ends with a turn of the human")]
    [InlineData("""{"instruction":"Add","chosen":"3"}""", "rejected", "missing")]
    [InlineData("""{"instruction":"Add","output":"3","history":[["Hi"]]}""", "history[0]", "list of rounds")]
    [InlineData("""{"conversations":[{"from":"robot","value":"Hi"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}""", "conversations[0].from", "one of human")]
    [InlineData("""{"conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"a"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}""", "conversations[1].role", "ends with an assistant")]
    [InlineData("""{"conversations":[{"from":"human","value":"Hi"},{"from":"function_call","value":"oops"},{"from":"gpt","value":"a"}]}""", "conversations[1].value", "function call")]
    [InlineData("""{"conversations":[{"from":"human","value":"Hi"}],"label":true}""", "conversations", "end with the assistant")]
    [InlineData("""{"instruction":"Hi","completions":[{"overall_score":3}]}""", "completions[0].response", "'response'")]
    [InlineData("""{"prompt":"Hi","chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}],"score_chosen":1,"score_rejected":2}""", "score_chosen", "lower score")]
    [InlineData("""{"question":"Hi","chosen":"a","rejected":"a"}""", "rejected", "same as 'chosen'")]
    [InlineData("""{"instruction":"Hi","generations":["a","b"],"ratings":[1]}""", "ratings", "2 generations")]
    [InlineData("""{"prompt_ids":[1,-2],"chosen_ids":[3],"rejected_ids":[4]}""", "prompt_ids[1]", "whole number from 0")]
    [InlineData("""{"prompt_ids":[1],"chosen_ids":[3],"rejected_ids":[3]}""", "rejected_ids", "same as")]
    [InlineData("""{"input_ids":[1,2],"labels":[1]}""", "labels", "as long as")]
    [InlineData("""{"input_ids":[1,2],"labels":[1,7]}""", "labels[1]", "own id (2)")]
    public async Task FaultyRow_IsNamedWithFieldAndReason(string row, string field, string reason)
    {
        RowProblem problem = Assert.Single((await TrainingText.CheckAsync(row)).FirstProblems);
        Assert.Equal(field, problem.Field);
        Assert.Contains(reason, problem.Reason);
    }

    [Fact]
    public void EveryShape_HasANameOfItsOwn() =>
        Assert.All(RowShape.All, shape => Assert.Same(shape, RowShape.Named(shape.Name)));

    private static string Told(TrainingRow row) => row switch
    {
        LeftOutRow leftOut => $"left out: {leftOut.Reason}",
        TextRow text => $"{text.Prompt} => {string.Join(" // ", text.Completions)}{Label(row)}",
        ConversationRow c => $"{Turns(c.Prompt)} => {string.Join(" // ", c.Completions.Select(Turns))}{Label(row)}{Tools(c)}",
        TokenRow ids => $"{string.Join(',', ids.Prompt)} => {string.Join(" // ", ids.Completions.Select(i => string.Join(',', i)))}{Label(row)}"
            + (ids.Trained is { } trained ? " trained " + string.Concat(trained.Select(t => t ? '+' : '-')) : ""),
        _ => throw new ArgumentException("A row of no known type.", nameof(row)),
    };

    private static string Label(TrainingRow row) => row.Kind == RowKind.Labelled ? $" ({row.Label})" : "";

    private static string Tools(ConversationRow row) =>
        row.Tools is { } tools ? $" [{string.Join(", ", tools.Cast<IReadOnlyDictionary<string, object?>>().Select(t => t["type"]))}]" : "";

    private static string Turns(IEnumerable<ChatMessage> turns) => string.Join(" | ", turns.Select(m => $"{m.Role}: {m.Content ?? "calls " + Called(m)}"));

    private static object? Called(ChatMessage message)
    {
        var call = (IReadOnlyDictionary<string, object?>)((IReadOnlyList<object?>)message.Fields["tool_calls"]!)[0]!;
        return ((IReadOnlyDictionary<string, object?>)call["function"]!)["name"];
    }
}
