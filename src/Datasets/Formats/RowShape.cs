using System.Text.Json;
using TrainingService.Datasets.Formats.LlamaFactory;
using TrainingService.Datasets.Formats.OpenAI;
using TrainingService.Datasets.Formats.Scored;
using TrainingService.Datasets.Formats.Tokenized;
using TrainingService.Datasets.Formats.Trl;

namespace TrainingService.Datasets.Formats;

/// <summary>One shape that the rows of a training file may have, recognised by content. A new one is one class and a line in <see cref="All"/>.</summary>
public abstract class RowShape
{
    private readonly IReadOnlyList<string> _fields;

    private protected RowShape(string name, RowKind kind, string description, params IReadOnlyList<string> fields)
    {
        (Name, Kind, Description, _fields) = (name, kind, description, fields);
    }

    /// <summary>Every known shape; a row is of the first that recognises it.</summary>
    public static IReadOnlyList<RowShape> All { get; } =
    [
        new OpenAIPreferenceShape(),
        new TokenizedPreferenceShape(),
        new TokenizedCompletionShape(labelled: true),
        new TokenizedCompletionShape(labelled: false),
        new TokenizedSequenceShape(),
        new UltraFeedbackShape(),
        new UltraFeedbackBinarizedShape(),
        new ShareGptRankingShape(),
        new ArgillaPairsShape(),
        new DistilabelRatingsShape(),
        new AlpacaRankingShape(),
        new TrlMessagesShape(),
        new TrlImplicitMessagesShape(),
        new TrlTextShape(),
        new HhTranscriptShape(),
        new TrlImplicitTextShape(),
        new ShareGptShape(labelled: true),
        new ShareGptShape(labelled: false),
        new OpenAIChatShape(),
        new TrlCompletionMessagesShape(labelled: true),
        new TrlCompletionMessagesShape(labelled: false),
        new TrlCompletionTextShape(labelled: true),
        new TrlCompletionTextShape(labelled: false),
        new AlpacaShape(labelled: true),
        new AlpacaShape(labelled: false),
        new TrlLanguageModelingShape(),
    ];

    /// <summary>The shape's name in a file's record.</summary>
    public string Name { get; }

    /// <summary>What its rows tell.</summary>
    public RowKind Kind { get; }

    /// <summary>The shape in words that go on from "a row in".</summary>
    public string Description { get; }

    /// <summary>The shape of a name; null when there is none.</summary>
    public static RowShape? Named(string? name) => All.FirstOrDefault(shape => shape.Name == name);

    /// <summary>The shape of a row; of one whose columns a mapping named, what its texts look like is not asked.</summary>
    internal static RowShape? Recognise(JsonElement row, bool named) => All.FirstOrDefault(shape => !(named && shape.IsSeenInTexts) && shape.Recognises(row));

    /// <summary>Whether the shape is told from the contents of texts rather than from fields and their types.</summary>
    internal virtual bool IsSeenInTexts => false;

    /// <summary>Whether a field is read; others are only warned of.</summary>
    internal bool Reads(JsonProperty property) => _fields.Any(property.NameEquals);

    /// <summary>Whether a row means to be of this shape, however faulty.</summary>
    internal abstract bool Recognises(JsonElement row);

    /// <summary>The row; null after a fault was noted.</summary>
    internal abstract TrainingRow? Read(JsonElement row, RowNotes notes);
}
