using TrainingService.Jinja.Runtime;
using TrainingService.Jinja.Values;

namespace TrainingService.Jinja.Syntax;

internal sealed class And(Expression left, Expression right) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        object? value = left.Evaluate(context, scope);
        return PythonTruth.Of(value) ? right.Evaluate(context, scope) : value;
    }
}

internal sealed class Or(Expression left, Expression right) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        object? value = left.Evaluate(context, scope);
        return PythonTruth.Of(value) ? value : right.Evaluate(context, scope);
    }
}

internal sealed class Not(Expression operand) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope) =>
        !PythonTruth.Of(operand.Evaluate(context, scope));
}

/// <summary><c>value if test else otherwise</c>; without else it may be undefined.</summary>
internal sealed class Conditional(Expression test, Expression value, Expression? otherwise) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        if (PythonTruth.Of(test.Evaluate(context, scope)))
            return value.Evaluate(context, scope);
        return otherwise is not null
            ? otherwise.Evaluate(context, scope)
            : new Undefined("the inline if-expression evaluated to false and no else section was defined.");
    }
}

/// <summary><c>a &lt; b == c in d</c>: every neighbour compared, each evaluated once, until one fails.</summary>
internal sealed class Comparison(Expression first, (string Symbol, Expression Operand)[] rest) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        object? left = first.Evaluate(context, scope);
        foreach ((string symbol, Expression operand) in rest)
        {
            object? right = operand.Evaluate(context, scope);
            bool holds = symbol switch
            {
                "==" => PythonEquality.AreEqual(context, left, right),
                "!=" => !PythonEquality.AreEqual(context, left, right),
                "in" => Iteration.Contains(context, right, left),
                "not in" => !Iteration.Contains(context, right, left),
                _ => PythonOrder.Holds(context, symbol, left, right),
            };
            if (!holds)
                return false;
            left = right;
        }

        return true;
    }
}

internal sealed class Arithmetic(string symbol, Expression left, Expression right) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope) =>
        PythonOperators.Apply(context, symbol, left.Evaluate(context, scope), right.Evaluate(context, scope));
}

internal sealed class Sign(bool negative, Expression operand) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        object? value = operand.Evaluate(context, scope);
        Undefined.Refuse(value);
        if (value is null || !PythonNumber.Is(value))
        {
            throw new JinjaRenderException(
                $"bad operand type for unary {(negative ? '-' : '+')}: '{PythonType.NameOf(value)}'");
        }

        return negative ? PythonNumber.Negate(value) : PythonNumber.Plus(value);
    }
}

/// <summary><c>a ~ b ~ c</c>: the texts of all of them in a row.</summary>
internal sealed class Concatenation(Expression[] parts) : Expression
{
    protected override object? Compute(RenderContext context, Scope scope)
    {
        string[] texts = Array.ConvertAll(parts, part => PythonText.Of(context, part.Evaluate(context, scope)));
        context.Reserve(texts.Sum(text => (long)text.Length));
        return string.Concat(texts);
    }
}
