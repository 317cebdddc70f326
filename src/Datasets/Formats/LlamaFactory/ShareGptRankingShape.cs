using System.Text.Json;

namespace TrainingService.Datasets.Formats.LlamaFactory;

/// <summary>LLaMA-Factory's sharegpt rows for preference: <c>conversations</c> so far, and the turns <c>chosen</c> and <c>rejected</c>.</summary>
internal sealed class ShareGptRankingShape() : RowShape("sharegpt_ranking", RowKind.Preference,
    "LLaMA-Factory's sharegpt ranking format (conversations, chosen, rejected)",
    "conversations", "messages", "chosen", "rejected", "system", "tools")
{
    internal override bool Recognises(JsonElement row) =>
        ShareGptTurns.FieldOf(row) is not null && row.FirstOf("chosen", "rejected") is not null && !row.Has("prompt");

    internal override TrainingRow? Read(JsonElement row, RowNotes notes)
    {
        if (ShareGptTurns.Read(row, notes) is not { } prompt) return null;
        if (!MessageReader.EndsAsPrompt(prompt[^1], $"{ShareGptTurns.FieldOf(row)}[{row.GetProperty(ShareGptTurns.FieldOf(row)!).GetArrayLength() - 1}]", notes)) return null;
        if (ShareGptTurns.ReadAnswer(row, "chosen", notes) is not { } chosen) return null;
        if (ShareGptTurns.ReadAnswer(row, "rejected", notes) is not { } rejected) return null;
        return JsonElement.DeepEquals(row.GetProperty("chosen"), row.GetProperty("rejected"))
            ? notes.Fail<TrainingRow>("rejected", MessageReader.Identical("chosen"))
            : ShareGptTurns.WithTools(new ConversationRow(notes.Row, Kind, prompt, [chosen, rejected]), row, notes);
    }
}
