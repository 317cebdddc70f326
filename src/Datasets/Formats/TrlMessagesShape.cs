using System.Text.Json;

namespace TrainingService.Datasets.Formats;

/// <summary>TRL's conversational preference rows: <c>prompt</c>, <c>chosen</c> and <c>rejected</c> are lists of messages.</summary>
internal sealed class TrlMessagesShape : RowShape
{
    public override PreferenceFormat Format => PreferenceFormat.TrlMessages;
    public override string Description => "TRL's conversational format (prompt, chosen and rejected as lists of messages)";
    public override IReadOnlyList<string> Fields { get; } = ["prompt", "chosen", "rejected", "tools", "chat_template_kwargs"];

    public override bool Recognises(JsonElement row) => row.TryGetProperty("prompt", out _) && TrlRow.HoldsMessages(row);

    public override PreferencePair? Read(JsonElement row, RowNotes notes)
    {
        if (row.GetProperty("prompt").ValueKind == JsonValueKind.String)
            return notes.Fail<PreferencePair>("prompt", "The prompt is text while the completions are lists of messages: make it a list of messages too, or leave it out if chosen and rejected hold the whole conversation.");
        if (MessageReader.ReadPrompt(row, "prompt", "prompt", notes) is not { } prompt) return null;
        if (MessageReader.ReadCompletion(row, "chosen", notes) is not { } chosen) return null;
        if (MessageReader.ReadCompletion(row, "rejected", notes) is not { } rejected) return null;
        if (JsonElement.DeepEquals(row.GetProperty("chosen"), row.GetProperty("rejected")))
            return notes.Fail<PreferencePair>("rejected", MessageReader.Identical("chosen"));
        return TrlRow.WithTemplateInputs(new ConversationPair(notes.Row, prompt, chosen, rejected), row, notes);
    }
}
