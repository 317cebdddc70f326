using TrainingService.Jinja.Lexing;
using TrainingService.Jinja.Syntax;

namespace TrainingService.Jinja.Parsing;

/// <content>What stands left of "=" and inside of a call's parentheses.</content>
internal sealed partial class ExpressionParser
{
    /// <summary>A name, several of them, or an attribute of a namespace.</summary>
    public Target ParseTarget(bool namespaceAllowed = false)
    {
        int line = tokens.Current.Line;
        Enter();
        var targets = new List<Target>();
        bool isTuple = false;
        while (!AtTupleEnd() && !tokens.Current.IsName("in"))
        {
            targets.Add(ParseSingleTarget(namespaceAllowed));
            if (!tokens.SkipOperator(","))
                break;
            isTuple = true;
        }

        // In "for in in x" the first "in" is the name.
        if (targets.Count == 0 && tokens.Current.IsName("in"))
            targets.Add(ParseSingleTarget(namespaceAllowed));
        _nesting--;
        if (targets.Count == 0)
            throw new JinjaSyntaxException($"expected a name to assign to, got '{tokens.Current.Describe()}'", line);
        return isTuple ? new TupleTarget([.. targets]) : targets[0];
    }

    private Target ParseSingleTarget(bool namespaceAllowed)
    {
        Token token = tokens.Current;
        if (tokens.SkipOperator("("))
        {
            Target inner = ParseTarget();
            tokens.ExpectOperator(")");
            return inner;
        }

        string name = tokens.ExpectName();
        if (name is "true" or "false" or "none" or "True" or "False" or "None")
            throw new JinjaSyntaxException($"can't assign to '{name}'", token.Line);
        return namespaceAllowed && tokens.SkipOperator(".")
            ? new NamespaceTarget(name, tokens.ExpectName())
            : new NameTarget(name);
    }

    private ArgumentList ParseArguments()
    {
        int line = tokens.Next().Line;
        var positional = new List<Expression>();
        var keywords = new List<(string Name, Expression Value)>();
        Expression? rest = null;
        Expression? more = null;
        _ = ParseItems(")", ParseArgument);
        return new ArgumentList([.. positional], [.. keywords], rest, more);

        bool ParseArgument()
        {
            bool valid;
            if (tokens.SkipOperator("*"))
            {
                valid = rest is null && more is null;
                rest = Parse();
            }
            else if (tokens.SkipOperator("**"))
            {
                valid = more is null;
                more = Parse();
            }
            else if (tokens.Current.Kind == TokenKind.Name && tokens.Following.IsOperator("="))
            {
                valid = more is null;
                string name = tokens.Next().Text;
                tokens.Next();
                keywords.Add((name, Parse()));
            }
            else
            {
                valid = rest is null && more is null && keywords.Count == 0;
                positional.Add(Parse());
            }

            return valid ? true : throw new JinjaSyntaxException("invalid syntax for function call expression", line);
        }
    }
}
