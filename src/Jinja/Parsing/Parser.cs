using TrainingService.Jinja.Lexing;
using TrainingService.Jinja.Syntax;

namespace TrainingService.Jinja.Parsing;

/// <summary>Tags and the text between them.</summary>
internal sealed class Parser
{
    private const int MaxNesting = 100;

    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;
    private readonly Stack<(string Tag, int Line)> _open = new();
    private int _loops;

    public Parser(string source)
    {
        _tokens = new TokenStream(Lexer.Tokenize(source));
        _expressions = new ExpressionParser(_tokens);
    }

    public Block ParseTemplate()
    {
        Block body = ParseUntil();
        _expressions.RefuseUnknown();
        return body;
    }

    /// <summary>Statements up to a tag that starts with one of the names, which becomes the current token.</summary>
    private Block ParseUntil(params string[] ends)
    {
        var statements = new List<Statement>();
        while (true)
        {
            Token token = _tokens.Next();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new Text(token.Line, token.Text));
                    break;
                case TokenKind.VariableBegin:
                    statements.Add(new Print(token.Line, _expressions.ParseTuple()));
                    _tokens.Expect(TokenKind.VariableEnd);
                    break;
                case TokenKind.BlockBegin:
                    if (_tokens.Current.Kind == TokenKind.Name && ends.Contains(_tokens.Current.Text))
                        return new Block([.. statements]);
                    statements.Add(ParseTag());
                    _tokens.Expect(TokenKind.BlockEnd);
                    break;
                default:
                    return ends.Length == 0 ? new Block([.. statements]) : throw NotClosed(ends);
            }
        }
    }

    private JinjaSyntaxException NotClosed(string[] ends)
    {
        (string tag, int line) = _open.Peek();
        return new JinjaSyntaxException(
            $"Unexpected end of template: the '{tag}' of line {line} needs '{string.Join("' or '", ends)}'", _tokens.Current.Line);
    }

    private Statement ParseTag()
    {
        Token tag = _tokens.Current.Kind == TokenKind.Name ? _tokens.Next() : throw _tokens.Unexpected("a tag's name");
        if (_open.Count >= MaxNesting)
            throw new JinjaSyntaxException($"tags are nested more than {MaxNesting} levels deep", tag.Line);
        _open.Push((tag.Text, tag.Line));
        Statement statement = tag.Text switch
        {
            "if" => ParseIf(tag.Line),
            "for" => ParseFor(tag.Line),
            "set" => ParseSet(tag.Line),
            "macro" => ParseMacro(tag.Line),
            "call" => ParseCallBlock(tag.Line),
            "filter" => ParseFilterBlock(tag.Line),
            "with" => ParseWith(tag.Line),
            "block" => ParseBlock(tag.Line),
            "generation" => new ScopedBlock(tag.Line, [], OutsideLoops("endgeneration")),
            "print" => ParsePrint(tag.Line),
            "break" => ParseJump(tag, Flow.Break),
            "continue" => ParseJump(tag, Flow.Continue),
            "include" or "import" or "from" or "extends" => throw new JinjaSyntaxException(
                $"'{tag.Text}' is refused: a chat template is a single file", tag.Line),
            "autoescape" => throw new JinjaSyntaxException("'autoescape' is refused: a prompt is text, not HTML", tag.Line),
            _ => throw UnknownTag(tag),
        };
        _open.Pop();
        return statement;
    }

    private JinjaSyntaxException UnknownTag(Token tag)
    {
        _open.Pop();
        string hint = _open.TryPeek(out (string Tag, int Line) open) ? $"; the '{open.Tag}' of line {open.Line} is still open" : "";
        return new JinjaSyntaxException($"Encountered unknown tag '{tag.Text}'{hint}", tag.Line);
    }

    private Block ParseBody(params string[] ends)
    {
        // Jinja2 allows a colon there, as Python has one.
        _tokens.SkipOperator(":");
        _tokens.Expect(TokenKind.BlockEnd);
        return ParseUntil(ends);
    }

    private Block ParseWholeBody(string end)
    {
        Block body = ParseBody(end);
        _tokens.Next();
        return body;
    }

    /// <summary>A body that runs as a function of its own, so that break and continue cannot leave it.</summary>
    private Block OutsideLoops(string end)
    {
        int loops = _loops;
        _loops = 0;
        Block body = ParseWholeBody(end);
        _loops = loops;
        return body;
    }

    private If ParseIf(int line)
    {
        int unknown = _expressions.UnknownCount;
        var branches = new List<(Expression Test, Block Body)>();
        var otherwise = new Block([]);
        string end;
        do
        {
            Expression test = _expressions.ParseTuple(conditional: false);
            branches.Add((test, ParseBody("elif", "else", "endif")));
            end = _tokens.Next().Text;
        }
        while (end == "elif");

        if (end == "else")
            otherwise = ParseWholeBody("endif");
        _expressions.ForgiveUnknown(unknown);
        return new If(line, [.. branches], otherwise);
    }

    private For ParseFor(int line)
    {
        Target target = _expressions.ParseTarget();
        _tokens.ExpectName("in");
        Expression source = _expressions.ParseTuple(conditional: false);
        Expression? condition = _tokens.SkipName("if") ? _expressions.Parse() : null;
        bool recursive = _tokens.SkipName("recursive");
        _loops++;
        Block body = ParseBody("endfor", "else");
        _loops--;
        Block otherwise = _tokens.Next().Text == "else" ? ParseWholeBody("endfor") : new Block([]);
        return new For(line, target, source, condition, recursive, body, otherwise);
    }

    private LoopJump ParseJump(Token tag, Flow flow) => _loops > 0
        ? new LoopJump(tag.Line, flow)
        : throw new JinjaSyntaxException($"'{tag.Text}' outside of a loop", tag.Line);

    private Print ParsePrint(int line)
    {
        var values = new List<Expression> { _expressions.Parse() };
        while (_tokens.SkipOperator(","))
            values.Add(_expressions.Parse());
        return new Print(line, new Concatenation([.. values]));
    }

    private Statement ParseSet(int line)
    {
        Target target = _expressions.ParseTarget(namespaceAllowed: true);
        if (_tokens.SkipOperator("="))
            return new Set(line, target, _expressions.ParseTuple());
        FilterCall? filter = _tokens.SkipOperator("|") ? _expressions.ParseFilters(value: null) : null;
        return new SetBlock(line, target, filter, ParseWholeBody("endset"));
    }

    private MacroDefinition ParseMacro(int line)
    {
        string name = _tokens.ExpectName();
        MacroSignature signature = ParseParameters(name);
        (Block body, MacroUses uses) = ParseMacroBody("endmacro");
        return new MacroDefinition(line, signature with { Uses = uses }, body);
    }

    private CallBlock ParseCallBlock(int line)
    {
        MacroSignature signature = _tokens.Current.IsOperator("(") ? ParseParameters(name: null) : new(null, [], []);
        Call call = _expressions.Parse() as Call ?? throw new JinjaSyntaxException("expected call", line);
        (Block body, MacroUses uses) = ParseMacroBody("endcall");
        return new CallBlock(line, call, signature with { Uses = uses }, body);
    }

    private (Block Body, MacroUses Uses) ParseMacroBody(string end)
    {
        MacroUses outer = _expressions.Uses;
        _expressions.Uses = MacroUses.None;
        Block body = OutsideLoops(end);
        MacroUses uses = _expressions.Uses;
        _expressions.Uses |= outer;
        return (body, uses);
    }

    private FilterBlock ParseFilterBlock(int line) =>
        new(line, _expressions.ParseFilters(value: null), ParseWholeBody("endfilter"));

    private ScopedBlock ParseWith(int line)
    {
        var assignments = new List<(Target Target, Expression Value)>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (assignments.Count > 0)
                _tokens.ExpectOperator(",");
            Target target = _expressions.ParseTarget();
            _tokens.ExpectOperator("=");
            assignments.Add((target, _expressions.Parse()));
        }

        return new ScopedBlock(line, [.. assignments], ParseWholeBody("endwith"));
    }

    private ScopedBlock ParseBlock(int line)
    {
        string name = _tokens.ExpectName();
        _tokens.SkipName("scoped");
        _tokens.SkipName("required");
        Block body = OutsideLoops("endblock");
        _tokens.SkipName(name);
        return new ScopedBlock(line, [], body);
    }

    private MacroSignature ParseParameters(string? name)
    {
        var parameters = new List<string>();
        var defaults = new List<Expression>();
        _tokens.ExpectOperator("(");
        while (!_tokens.SkipOperator(")"))
        {
            if (parameters.Count > 0)
                _tokens.ExpectOperator(",");
            parameters.Add(_tokens.ExpectName());
            if (_tokens.SkipOperator("="))
                defaults.Add(_expressions.Parse());
            else if (defaults.Count > 0)
                throw new JinjaSyntaxException("non-default argument follows default argument", _tokens.Current.Line);
        }

        return new MacroSignature(name, [.. parameters], [.. defaults]);
    }
}
