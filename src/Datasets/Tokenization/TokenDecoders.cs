namespace TrainingService.Datasets.Tokenization;

/// <summary>Reads tokenizer.json's <c>decoder</c>.</summary>
internal sealed class TokenDecoders
{
    private const string Known = "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip";

    private readonly List<Func<Action<string>, TokenDecoder>> _steps = [];

    /// <summary>Whether the steps so far have joined the tokens: later ones see one text, in parts.</summary>
    private bool _fused;

    private TokenDecoders()
    {
    }

    public static TokenDecoders Read(JsonComponent component)
    {
        var decoders = new TokenDecoders();
        if (component.IsNull)
        {
            decoders.AddForEach((token, isFirst) => isFirst ? token : " " + token);
        }
        else
        {
            decoders.Add(component);
        }
        return decoders;
    }

    /// <summary>A fresh chain; the returned pair takes tokens and the word that none follows.</summary>
    public (Action<string> Append, Action Flush) Start(Action<string> output)
    {
        var append = output;
        Action flush = () => { };
        for (var index = _steps.Count - 1; index >= 0; index--)
        {
            var decoder = _steps[index](append);
            append = decoder.Append;
            var flushLater = flush;
            flush = () =>
            {
                decoder.Flush();
                flushLater();
            };
        }
        return (append, flush);
    }

    private void Add(JsonComponent component)
    {
        switch (component.Type)
        {
            case "Sequence":
                foreach (var step in component["decoders"].Items())
                {
                    Add(step);
                }
                break;
            case "ByteLevel":
                _steps.Add(next => new ByteLevelDecoder(next));
                _fused = true;
                break;
            case "ByteFallback":
                _steps.Add(next => new ByteFallbackDecoder(next));
                break;
            case "Fuse":
                _fused = true;
                break;
            case "Replace":
                var replace = UnicodePattern.ReadReplacement(component);
                AddForEach((token, _) => replace(token));
                break;
            case "Metaspace":
                AddMetaspace(component);
                break;
            case "Strip":
                AddStrip(component);
                break;
            default:
                throw component.NotUnderstood(Known);
        }
    }

    private void AddForEach(Func<string, bool, string> change) => _steps.Add(_fused
        ? next => new WholeTextDecoder(text => change(text, true), next)
        : next => new EachTokenDecoder(change, next));

    private void AddMetaspace(JsonComponent component)
    {
        var mark = PreTokenizers.ReadSpaceMark(component).ToString();
        var dropsFirst = PreTokenizers.ReadPrependScheme(component) != "never";
        AddForEach((token, isFirst) => token.Replace(mark, isFirst && dropsFirst ? "" : " ", StringComparison.Ordinal));
    }

    private void AddStrip(JsonComponent component)
    {
        var text = component["content"].AsString();
        var content = text.Length == 1 ? text[0] : throw component["content"].Error($"is '{text}', expected one character");
        int start = component["start"].AsInt32(), stop = component["stop"].AsInt32();
        if (_fused && stop == 0)
        {
            _steps.Add(next => new LeadingStripDecoder(content, start, next));
        }
        else
        {
            AddForEach((token, _) => Strip(token, content, start, stop));
        }
    }

    private static string Strip(string token, char content, int start, int stop)
    {
        int first = 0, end = token.Length;
        while (first < start && first < token.Length && token[first] == content)
        {
            first++;
        }
        while (token.Length - end < stop && end > first && token[end - 1] == content)
        {
            end--;
        }
        return token[first..end];
    }
}
