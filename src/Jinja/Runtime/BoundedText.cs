using System.Text;

namespace TrainingService.Jinja.Runtime;

/// <summary>A text under construction that pays for each character and stops at the limit.</summary>
internal sealed class BoundedText(RenderContext context)
{
    private readonly StringBuilder _text = new();

    public BoundedText Append(ReadOnlySpan<char> text)
    {
        Reserve(text.Length);
        _text.Append(text);
        return this;
    }

    public BoundedText Append(char c)
    {
        Reserve(1);
        _text.Append(c);
        return this;
    }

    public BoundedText Append(char c, int count)
    {
        Reserve(count);
        _text.Append(c, count);
        return this;
    }

    // Every append is a step besides: a million one-character appends must not be free.
    private void Reserve(int added)
    {
        context.CheckLength((long)_text.Length + added);
        context.ChargeText(added + RenderContext.CharactersPerStep);
    }

    public override string ToString() => _text.ToString();
}
