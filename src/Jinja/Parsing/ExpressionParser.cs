using TrainingService.Jinja.Lexing;
using TrainingService.Jinja.Library;
using TrainingService.Jinja.Syntax;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Parsing;

/// <summary>Expressions, by descent from the loosest operator to the tightest.</summary>
internal sealed partial class ExpressionParser(TokenStream tokens)
{
    private const int MaxNesting = 200;

    // Filters and tests that do not exist. Jinja2 forgives them where a condition may keep them from running.
    private readonly List<JinjaSyntaxException> _unknown = [];
    private int _nesting;

    /// <summary>The special macro variables read since this was last cleared.</summary>
    public MacroUses Uses { get; set; }

    public int UnknownCount => _unknown.Count;

    public void ForgiveUnknown(int since) => _unknown.RemoveRange(since, _unknown.Count - since);

    public void RefuseUnknown()
    {
        if (_unknown.Count > 0)
            throw _unknown[0];
    }

    /// <summary>An expression, or a tuple without parentheses; <paramref name="conditional"/> allows if … else.</summary>
    public Expression ParseTuple(bool conditional = true, bool emptyAllowed = false)
    {
        var items = new List<Expression>();
        bool isTuple = false;
        while (!AtTupleEnd())
        {
            items.Add(conditional ? Parse() : ParseOr());
            if (!tokens.SkipOperator(","))
                break;
            isTuple = true;
        }

        if (isTuple)
            return new TupleLiteral([.. items]);
        if (items.Count == 1)
            return items[0];
        return emptyAllowed ? new TupleLiteral([]) : throw tokens.Unexpected("an expression");
    }

    public Expression Parse()
    {
        Enter();
        int unknown = UnknownCount;
        Expression value = ParseOr();
        while (tokens.SkipName("if"))
        {
            Expression test = ParseOr();
            Expression? otherwise = tokens.SkipName("else") ? Parse() : null;
            value = new Conditional(test, value, otherwise);
            ForgiveUnknown(unknown);
        }

        _nesting--;
        return value;
    }

    /// <summary>The filters from here on, applied to <paramref name="value"/>; null stands for the text of a block.</summary>
    public FilterCall ParseFilters(Expression? value)
    {
        do
        {
            int line = tokens.Current.Line;
            string name = ParseDottedName();
            ArgumentList arguments = tokens.Current.IsOperator("(") ? ParseArguments() : ArgumentList.Empty;
            if (Filters.Find(name) is null)
                _unknown.Add(new JinjaSyntaxException($"No filter named {PythonText.Quote(name)}.", line));
            value = new FilterCall(value, name, arguments);
        }
        while (tokens.SkipOperator("|"));

        return (FilterCall)value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        while (tokens.SkipName("or"))
            left = new Or(left, ParseAnd());
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        while (tokens.SkipName("and"))
            left = new And(left, ParseNot());
        return left;
    }

    private Expression ParseNot()
    {
        if (!tokens.SkipName("not"))
            return ParseComparison();
        Enter();
        var negated = new Not(ParseNot());
        _nesting--;
        return negated;
    }

    private Expression ParseComparison()
    {
        Expression first = ParseSum();
        var rest = new List<(string Symbol, Expression Operand)>();
        while (TryReadComparison() is { } symbol)
            rest.Add((symbol, ParseSum()));
        return rest.Count == 0 ? first : new Comparison(first, [.. rest]);
    }

    private string? TryReadComparison()
    {
        Token token = tokens.Current;
        if (token.Kind == TokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            return tokens.Next().Text;
        if (tokens.SkipName("in"))
            return "in";
        if (!token.IsName("not") || !tokens.Following.IsName("in"))
            return null;
        tokens.Next();
        tokens.Next();
        return "not in";
    }

    private Expression ParseSum() => ParseArithmetic(ParseConcatenation, "+", "-");

    private Expression ParseConcatenation()
    {
        Expression first = ParseProduct();
        if (!tokens.Current.IsOperator("~"))
            return first;
        var parts = new List<Expression> { first };
        while (tokens.SkipOperator("~"))
            parts.Add(ParseProduct());
        return new Concatenation([.. parts]);
    }

    private Expression ParseProduct() => ParseArithmetic(ParsePower, "*", "/", "//", "%");

    private Expression ParsePower() => ParseArithmetic(() => ParseUnary(filters: true), "**");

    private Expression ParseArithmetic(Func<Expression> operand, params ReadOnlySpan<string> symbols)
    {
        Expression left = operand();
        while (tokens.Current.Kind == TokenKind.Operator && symbols.Contains(tokens.Current.Text))
            left = new Arithmetic(tokens.Next().Text, left, operand());
        return left;
    }

    private Expression ParseUnary(bool filters)
    {
        Enter();
        Expression value = tokens.SkipOperator("-") ? new Sign(negative: true, ParseUnary(filters: false))
            : tokens.SkipOperator("+") ? new Sign(negative: false, ParseUnary(filters: false))
            : ParsePrimary();
        value = ParsePostfix(value);
        if (filters)
            value = ParseFiltersAndTests(value);
        _nesting--;
        return value;
    }

    private Expression ParsePrimary()
    {
        Token token = tokens.Next();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new Constant(true),
                    "false" or "False" => new Constant(false),
                    "none" or "None" => new Constant(null),
                    _ => ReadName(token.Text),
                };
            case TokenKind.Number:
                return new Constant(token.Number);
            case TokenKind.String:
                string text = token.Text;
                while (tokens.Current.Kind == TokenKind.String)
                    text += tokens.Next().Text;
                return new Constant(text);
            case TokenKind.Operator when token.Text == "(":
                Expression inner = ParseTuple(emptyAllowed: true);
                tokens.ExpectOperator(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new ListLiteral([.. ParseItems("]", Parse)]);
            case TokenKind.Operator when token.Text == "{":
                return new DictLiteral([.. ParseItems("}", ParsePair)]);
            default:
                throw new JinjaSyntaxException($"unexpected '{token.Describe()}'", token.Line);
        }
    }

    private Name ReadName(string name)
    {
        Uses |= name switch
        {
            "caller" => MacroUses.Caller,
            "kwargs" => MacroUses.Keywords,
            "varargs" => MacroUses.Positional,
            _ => MacroUses.None,
        };
        return new Name(name);
    }

    private (Expression Key, Expression Value) ParsePair()
    {
        Expression key = Parse();
        tokens.ExpectOperator(":");
        return (key, Parse());
    }

    /// <summary>What stands between commas up to the closing bracket, which may follow a last comma.</summary>
    private List<T> ParseItems<T>(string close, Func<T> parseItem)
    {
        var items = new List<T>();
        while (!tokens.SkipOperator(close))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(close))
                    break;
            }

            items.Add(parseItem());
        }

        return items;
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            if (tokens.SkipOperator("."))
                value = ParseAttribute(value);
            else if (tokens.SkipOperator("["))
                value = ParseSubscript(value);
            else if (tokens.Current.IsOperator("("))
                value = new Call(value, ParseArguments());
            else
                return value;
        }
    }

    private Expression ParseAttribute(Expression target)
    {
        Token token = tokens.Next();
        return token.Kind switch
        {
            TokenKind.Name => new AttributeAccess(target, token.Text),
            TokenKind.Number when token.Number is long => new ItemAccess(target, new Constant(token.Number)),
            _ => throw new JinjaSyntaxException($"expected name or number, got '{token.Describe()}'", token.Line),
        };
    }

    private ItemAccess ParseSubscript(Expression target)
    {
        List<Expression> keys = ParseItems("]", ParseSubscriptKey);
        return new ItemAccess(target, keys.Count == 1 ? keys[0] : new TupleLiteral([.. keys]));
    }

    private Expression ParseSubscriptKey()
    {
        Expression? start = null;
        if (!tokens.SkipOperator(":"))
        {
            start = Parse();
            if (!tokens.SkipOperator(":"))
                return start;
        }

        Expression? stop = AtSliceEnd() || tokens.Current.IsOperator(":") ? null : Parse();
        Expression? step = tokens.SkipOperator(":") && !AtSliceEnd() ? Parse() : null;
        return new SliceLiteral(start, stop, step);
    }

    private Expression ParseFiltersAndTests(Expression value)
    {
        while (true)
        {
            if (tokens.SkipOperator("|"))
                value = ParseFilters(value);
            else if (tokens.SkipName("is"))
                value = ParseTest(value);
            else if (tokens.Current.IsOperator("("))
                value = new Call(value, ParseArguments());
            else
                return value;
        }
    }

    private Expression ParseTest(Expression value)
    {
        int line = tokens.Current.Line;
        bool negated = tokens.SkipName("not");
        string name = ParseDottedName();
        Token next = tokens.Current;
        ArgumentList arguments = ArgumentList.Empty;
        if (next.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (next.Kind is TokenKind.String or TokenKind.Number || next.IsOperator("[") || next.IsOperator("{")
            || (next.Kind == TokenKind.Name && next.Text is not ("else" or "or" or "and")))
        {
            if (next.Text == "is" && next.Kind == TokenKind.Name)
                throw new JinjaSyntaxException("You cannot chain multiple tests with is", next.Line);
            arguments = ArgumentList.Empty with { Positional = [ParsePostfix(ParsePrimary())] };
        }

        if (Tests.Find(name) is null)
            _unknown.Add(new JinjaSyntaxException($"No test named {PythonText.Quote(name)}.", line));
        var test = new TestCall(value, name, arguments);
        return negated ? new Not(test) : test;
    }

    private string ParseDottedName()
    {
        string name = tokens.ExpectName();
        while (tokens.SkipOperator("."))
            name += "." + tokens.ExpectName();
        return name;
    }

    private bool AtTupleEnd() => tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd
        || tokens.Current.IsOperator(")");

    private bool AtSliceEnd() => tokens.Current.IsOperator("]") || tokens.Current.IsOperator(",");

    private void Enter()
    {
        if (++_nesting > MaxNesting)
            throw new JinjaSyntaxException($"an expression is nested more than {MaxNesting} levels deep", tokens.Current.Line);
    }
}
