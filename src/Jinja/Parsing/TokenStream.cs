using TrainingService.Jinja.Lexing;

namespace TrainingService.Jinja.Parsing;

/// <summary>The tokens, read one by one with a look at the next.</summary>
internal sealed class TokenStream(List<Token> tokens)
{
    private int _position;

    public Token Current => tokens[_position];

    public Token Following => tokens[Math.Min(_position + 1, tokens.Count - 1)];

    public Token Next()
    {
        Token token = Current;
        if (token.Kind != TokenKind.EndOfTemplate)
            _position++;
        return token;
    }

    public bool SkipOperator(string text) => Skip(Current.IsOperator(text));

    public bool SkipName(string text) => Skip(Current.IsName(text));

    public void ExpectOperator(string text)
    {
        if (!SkipOperator(text))
            throw Unexpected($"'{text}'");
    }

    public void ExpectName(string text)
    {
        if (!SkipName(text))
            throw Unexpected($"'{text}'");
    }

    public string ExpectName() => Current.Kind == TokenKind.Name ? Next().Text : throw Unexpected("a name");

    public void Expect(TokenKind kind)
    {
        if (Current.Kind != kind)
            throw Unexpected($"'{new Token(kind, "", 0).Describe()}'");
        Next();
    }

    public JinjaSyntaxException Unexpected(string wanted) =>
        new($"expected {wanted}, got '{Current.Describe()}'", Current.Line);

    private bool Skip(bool matches)
    {
        if (matches)
            Next();
        return matches;
    }
}
