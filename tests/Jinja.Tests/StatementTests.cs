using static TrainingService.Jinja.Tests.Rendering;

namespace TrainingService.Jinja.Tests;

/// <summary>Tags, their scopes and the white space around them, checked against Jinja2 3.1.6.</summary>
public sealed class StatementTests
{
    private const string Data = """{"l": [3, 1, 2], "i": 7, "t": true}""";

    [Theory]
    [InlineData("a\n  {% if t %}\n b\n  {% endif %}\nc\n", "a\n b\nc")]
    [InlineData("a\n  {%- if t %}\n b\n  {% endif %}\nc\n", "a b\nc")]
    [InlineData("  {%+ if t %}a{% endif +%}\n b", "  a\n b")]
    [InlineData("a  {{- i -}}  b", "a7b")]
    [InlineData("a {{ i }}\nb", "a 7\nb")]
    [InlineData("{{ i }}\n\n", "7\n")]
    [InlineData("\r\na\r\n{% if t %}\r\nb\r\n{% endif %}", "\na\nb\n")]
    [InlineData("a\n  {# note #}\nb", "a\nb")]
    [InlineData("a {#- note -#} b", "ab")]
    [InlineData("{% raw %}{{ x }}{% endraw %}", "{{ x }}")]
    [InlineData("  {% raw -%}  a  {%- endraw %}\n b", "a b")]
    [InlineData("{{ {'a': {'b': 1}} }}{{ '}}' }}", "{'a': {'b': 1}}}}")]
    public void WhiteSpace_IsTrimmedAsInJinja2(string template, string expected) => Assert.Equal(expected, Render(template, Data));

    [Theory]
    [InlineData("{% for x in l %}{{ loop.index }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }};{% endfor %}", "12TrueFalse;21FalseFalse;30FalseTrue;")]
    [InlineData("{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}", "<3>1 3<1>2 1<2> ")]
    [InlineData("{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x > 1) }} {% endfor %}", "aTrue bTrue aTrue ")]
    [InlineData("{% for x in l if x > 1 %}{{ x }}{{ loop.length }}{% endfor %}", "3222")]
    [InlineData("{% set ns = namespace(n=0) %}{% for x in l if ns.n < 2 %}{% set ns.n = ns.n + 1 %}{{ x }}{% endfor %}", "31")]
    [InlineData("{% for x in [1, [2, [3]]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}d{{ loop.depth }}{% endif %}{% endfor %}", "1d1(2d2(3d3))")]
    [InlineData("{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "3")]
    [InlineData("{% for x in l %}{% continue %}{% else %}E{% endfor %}", "E")]
    [InlineData("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1")]
    [InlineData("{% for x in [] %}{% else %}none{% endfor %}", "none")]
    public void Loops_BehaveAsInJinja2(string template, string expected) => Assert.Equal(expected, Render(template, Data));

    [Theory]
    [InlineData("{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "4231")]
    [InlineData("{% if t %}{% set x = 1 %}{% endif %}{{ x }}", "1")]
    [InlineData("{% set x | upper %}a{{ i }}{% endset %}{{ x }}", "A7")]
    [InlineData("{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12")]
    [InlineData("{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}", "12")]
    [InlineData("{% filter upper | replace('A', 'q') %}a{{ i }}{% endfilter %}", "q7")]
    [InlineData("{% generation %}a{% set q = 1 %}{{ q }}{% endgeneration %}{{ q }}", "a1")]
    [InlineData("{% macro m() %}{{ x }}{% endmacro %}{% set x = 3 %}{{ m() }}", "3")]
    [InlineData("{% macro m(a, b=2) %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 3, 4, x=5) }}", "13(4,){'x': 5}")]
    [InlineData("{% macro m() %}[{{ caller(1) }}]{% endmacro %}{% call(a, b=5) m() %}{{ a }}{{ b }}{% endcall %}", "[15]")]
    [InlineData("{% print i, t %}", "7True")]
    public void ScopesAndMacros_BehaveAsInJinja2(string template, string expected) => Assert.Equal(expected, Render(template, Data));

    [Theory]
    [InlineData("a\n{% if t %}\nb", 3, "needs 'elif' or 'else' or 'endif'")]
    [InlineData("a\n{{ i + }}", 2, "unexpected 'end of print statement'")]
    [InlineData("{#\n#}\n{{ 'x' | nosuch }}", 3, "No filter named 'nosuch'.")]
    [InlineData("\n{{ 1 is nosuch }}", 2, "No test named 'nosuch'.")]
    [InlineData("\n{% include 'x' %}", 2, "'include' is refused")]
    [InlineData("{% extends 'x' %}", 1, "'extends' is refused")]
    [InlineData("{% import 'x' as y %}", 1, "'import' is refused")]
    [InlineData("\n{% do x %}", 2, "unknown tag 'do'")]
    [InlineData("{% break %}", 1, "outside of a loop")]
    [InlineData("a\n{# x", 2, "Missing end of comment tag")]
    [InlineData("a\n\n{{ (1 }}", 3, "unexpected '}', expected ')'")]
    public void SyntaxError_NamesItsLine(string template, int line, string problem)
    {
        JinjaSyntaxException exception = Assert.Throws<JinjaSyntaxException>(() => JinjaTemplate.Parse(template));
        Assert.Equal(line, exception.Line);
        Assert.StartsWith($"line {line}: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(problem, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void UnknownFilterInABranchNotTaken_IsForgiven() =>
        Assert.Equal("ok", Render("{% if not t %}{{ i | nosuch }}{% endif %}ok", Data));
}
