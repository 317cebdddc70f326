using static TrainingService.Jinja.Tests.Rendering;

namespace TrainingService.Jinja.Tests;

/// <summary>Hostile templates end in an error, soon, and never take the process with them.</summary>
public sealed class LimitTests
{
    [Theory]
    [InlineData("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{{ 'x' * 1000000000000 }}", "characters")]
    [InlineData("{% set ns = namespace(s='xx') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "characters")]
    [InlineData("{% set ns = namespace(s='xx') %}{% for i in range(100) %}{% set ns.s = ns.s | replace('x', 'xxxxxxxx') %}{% endfor %}", "characters")]
    [InlineData("{% set ns = namespace(s='xx') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "characters")]
    [InlineData("{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "characters")]
    [InlineData("{{ '%999999999d' % 1 }}", "characters")]
    [InlineData("{{ '{:>999999999}'.format(1) }}", "characters")]
    [InlineData("{{ 'a\nb' | indent(999999999) }}", "characters")]
    [InlineData("{{ 'a'.center(999999999) }}", "characters")]
    [InlineData("{{ [0] * 1000000000000 }}", "elements")]
    [InlineData("{% set ns = namespace(l=[0]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", "elements")]
    [InlineData("{{ [1] | batch(999999999, 0) | list }}", "elements")]
    [InlineData("{{ range(100001) }}", "Range too big")]
    [InlineData("{{ 10 ** (10 ** 10) }}", "bits")]
    [InlineData("{% set ns = namespace(n=7) %}{% for i in range(100) %}{% set ns.n = ns.n * ns.n %}{% endfor %}", "bits")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "levels deep")]
    [InlineData("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "levels deep")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "levels deep")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}", "levels deep")]
    [InlineData("{% set ns = namespace(l=(1,)) %}{% for i in range(100000) %}{% set ns.l = (ns.l,) %}{% endfor %}{{ {ns.l: 1} }}", "levels deep")]
    [InlineData("{% set ns = namespace(g=[1]) %}{% for i in range(100000) %}{% set ns.g = ns.g | map('string') %}{% endfor %}{{ ns.g | list }}", "levels deep")]
    [InlineData("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "levels deep")]
    [InlineData("{% set s = 'a' * 1000000 %}{% set w = 'a' * 500000 ~ 'b' %}{% for i in range(1000) %}{{ w in s }}{% endfor %}", "steps")]
    [InlineData("{% set a = 'a' * 9000000 %}{% set b = a ~ '' %}{% for i in range(100000) %}{% if a == b %}{% endif %}{% endfor %}", "steps")]
    public void HostileTemplate_StopsAtALimit(string template, string limit) =>
        Assert.Contains(limit, Fail(template).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("(", ")")]
    [InlineData("[", "]")]
    [InlineData("not ", "")]
    [InlineData("- ", "")]
    [InlineData("1 if 1 else ", "")]
    public void NestedExpression_IsRefusedByTheParser(string open, string close)
    {
        string template = "{{ " + string.Concat(Enumerable.Repeat(open, 50_000)) + "1" + string.Concat(Enumerable.Repeat(close, 50_000)) + " }}";
        Assert.Contains("nested", Assert.Throws<JinjaSyntaxException>(() => JinjaTemplate.Parse(template)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NestedTags_AreRefusedByTheParser() => Assert.Contains(
        "nested",
        Assert.Throws<JinjaSyntaxException>(() => JinjaTemplate.Parse(string.Concat(Enumerable.Repeat("{% if 1 %}", 50_000)))).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData(" + 1")]
    [InlineData(" | string")]
    [InlineData(" and 1")]
    [InlineData(".x")]
    [InlineData("()")]
    public void LongChain_IsAnErrorRatherThanAStackOverflow(string link)
    {
        string template = "{{ 1" + string.Concat(Enumerable.Repeat(link, 200_000)) + " }}";
        Assert.Contains("nested too deeply", Fail(template).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Limits_AreTheCallers()
    {
        Assert.Contains("10 characters", Fail("{{ 'x' * 11 }}", limits: new JinjaLimits { MaxOutputCharacters = 10 }).Message, StringComparison.Ordinal);
        Assert.Contains("20 steps", Fail("{% for i in range(30) %}{{ i }}{% endfor %}", limits: new JinjaLimits { MaxSteps = 20 }).Message, StringComparison.Ordinal);
        Assert.Equal("xxxxxxxxxx", Render("{{ 'x' * 10 }}", limits: new JinjaLimits { MaxOutputCharacters = 10 }));
    }

    [Theory]
    [InlineData("{{ ''.__class__ }}")]
    [InlineData("{{ [].__class__.__mro__ }}")]
    [InlineData("{{ range.__globals__ }}")]
    public void Internals_AreOutOfReach(string template)
    {
        string outcome;
        try
        {
            outcome = Render(template);
        }
        catch (JinjaRenderException)
        {
            outcome = "";
        }

        Assert.Equal("", outcome);
    }
}
