namespace TrainingService.Datasets.Tokenization;

/// <summary>The special tokens that stand before and after a text: tokenizer.json's <c>post_processor</c> for a single text.</summary>
internal sealed record PostProcessor(int[] Before, int[] After)
{
    private static readonly PostProcessor Nothing = new([], []);

    public static PostProcessor Read(JsonComponent component) => component.IsNull ? Nothing : component.Type switch
    {
        // It only trims offsets, which nobody asks for here.
        "ByteLevel" => Nothing,
        "TemplateProcessing" => ReadTemplate(component),
        "Sequence" => component["processors"].Items().Select(Read).Aggregate(Nothing, (inner, outer) =>
            new PostProcessor([.. outer.Before, .. inner.Before], [.. inner.After, .. outer.After])),
        _ => throw component.NotUnderstood("ByteLevel, TemplateProcessing, Sequence"),
    };

    private static PostProcessor ReadTemplate(JsonComponent component)
    {
        List<int> before = [], after = [];
        var current = before;
        foreach (var part in component["single"].Items())
        {
            if (part["Sequence"] is { IsNull: false } sequence)
            {
                if (sequence["id"].AsString() != "A" || current == after)
                {
                    throw part.Error("the template for a single text must hold the sequence A once");
                }
                current = after;
            }
            else
            {
                var token = part["SpecialToken"]["id"].AsString();
                current.AddRange(component["special_tokens"][token]["ids"].Items().Select(id => id.AsInt32()));
            }
        }
        return current == after
            ? new PostProcessor([.. before], [.. after])
            : throw component["single"].Error("the template for a single text must hold the sequence A once");
    }
}
