using static TrainingService.Jinja.Tests.Rendering;

namespace TrainingService.Jinja.Tests;

/// <summary>What Python prints and computes; every answer was checked against Jinja2 3.1.6 in transformers' environment.</summary>
public sealed class PythonSemanticsTests
{
    [Theory]
    [InlineData("true ~ none ~ false", "TrueNoneFalse")]
    [InlineData("[1, 'a', none, 2.0, true, {'x': [1]}]", "[1, 'a', None, 2.0, True, {'x': [1]}]")]
    [InlineData("(1,)", "(1,)")]
    [InlineData("{1: 2, true: 3}", "{1: 3}")]
    [InlineData("[\"it's\", 'a\"b']", "[\"it's\", 'a\"b']")]
    [InlineData("['\\n\\t\\\\', '\\u200b', 'é']", "['\\n\\t\\\\', '\\u200b', 'é']")]
    [InlineData("1e16 ~ ' ' ~ 1e15 ~ ' ' ~ 0.0001 ~ ' ' ~ 0.00001", "1e+16 1000000000000000.0 0.0001 1e-05")]
    [InlineData("0.1 + 0.2", "0.30000000000000004")]
    [InlineData("5e-324", "5e-324")]
    [InlineData("-0.0", "-0.0")]
    [InlineData("{'a': 1}.items()", "dict_items([('a', 1)])")]
    [InlineData("range(1, 10, 3)", "range(1, 10, 3)")]
    [InlineData("namespace(a=1)", "<Namespace {'a': 1}>")]
    public void Values_PrintAsInPython(string expression, string expected) =>
        Assert.Equal(expected, Render("{{ " + expression + " }}"));

    [Theory]
    [InlineData("-7 // 2", "-4")]
    [InlineData("-7 % 3", "2")]
    [InlineData("7 % -3", "-2")]
    [InlineData("-7.5 // 2", "-4.0")]
    [InlineData("2 ** 100", "1267650600228229401496703205376")]
    [InlineData("9223372036854775807 + 1", "9223372036854775808")]
    [InlineData("2 ** -1", "0.5")]
    [InlineData("2 ** 3 ** 2", "64")]
    [InlineData("1 < 2 > 3", "False")]
    [InlineData("[1] == (1,)", "False")]
    [InlineData("1 == 1.0 == true", "True")]
    [InlineData("2.5 | round", "2.0")]
    [InlineData("2.675 | round(2)", "2.67")]
    [InlineData("'42.7' | int", "42")]
    [InlineData("'0x1f' | int(0, 16)", "31")]
    [InlineData("'%s-%05.1f' % ('a', 3.14159)", "a-003.1")]
    [InlineData("'{a:>5}|{b:.2f}|{c:,}'.format(a='x', b=3.14159, c=1234567)", "    x|3.14|1,234,567")]
    public void Numbers_ComputeAsInPython(string expression, string expected) =>
        Assert.Equal(expected, Render("{{ " + expression + " }}"));

    [Theory]
    [InlineData("s[::-1]", "😀b😀a")]
    [InlineData("s | length", "4")]
    [InlineData("s[1]", "😀")]
    [InlineData("s.find('b')", "2")]
    [InlineData("l[-2:] ~ l[::2] ~ l[10:] ~ l[:0:-1]", "[1, 2][3, 2][][2, 1]")]
    [InlineData("' a  b '.split() ~ 'a,b,,c'.split(',') ~ 'a b c'.rsplit(' ', 1)", "['a', 'b']['a', 'b', '', 'c']['a b', 'c']")]
    [InlineData("'a=b=c'.partition('=')", "('a', '=', 'b=c')")]
    [InlineData("\"it's a-test\" | title", "It's A-Test")]
    [InlineData("\"it's\".title()", "It'S")]
    [InlineData("'x' in d and 'z' not in d", "True")]
    [InlineData("d | dictsort", "[('x', 1), ('Y', 2)]")]
    [InlineData("l | sort(reverse=true) ~ (l | unique | list)", "[3, 2, 1][3, 1, 2]")]
    [InlineData("l | map('string') | join('-')", "3-1-2")]
    [InlineData("l | select('gt', 1) | list", "[3, 2]")]
    [InlineData("l | batch(2, 'x') | list", "[[3, 1], [2, 'x']]")]
    [InlineData("'true' if l | select('gt', 100) else 'false'", "true")]
    [InlineData("('a<b>' | safe) + '<c>'", "a<b>&lt;c&gt;")]
    [InlineData("'a\nb\n\nc' | indent(2)", "a\n  b\n\n  c")]
    [InlineData("{'b': 1, 'a': 'é<\"'} | tojson", "{\"b\": 1, \"a\": \"é<\\\"\"}")]
    [InlineData("{'b': [1], 'a': {}} | tojson(indent=2, sort_keys=true)", "{\n  \"a\": {},\n  \"b\": [\n    1\n  ]\n}")]
    [InlineData("[1, 2] | tojson(separators=(',', ':'))", "[1,2]")]
    [InlineData("'é😀' | tojson(ensure_ascii=true)", "\"\\u00e9\\ud83d\\ude00\"")]
    [InlineData("strftime_now('%d %B %Y, %-d %b %j')", "10 July 2025, 10 Jul 191")]
    public void TextsAndContainers_BehaveAsInPython(string expression, string expected) =>
        Assert.Equal(expected, Render("{{ " + expression + " }}", """{"s": "a😀b😀", "l": [3, 1, 2], "d": {"Y": 2, "x": 1}}"""));

    [Theory]
    [InlineData("'a' + 1", "can only concatenate str (not \"int\") to str")]
    [InlineData("1 + 'a'", "unsupported operand type(s) for +: 'int' and 'str'")]
    [InlineData("'a' < 1", "'<' not supported between instances of 'str' and 'int'")]
    [InlineData("missing.x", "'missing' is undefined")]
    [InlineData("d.x.y", "'dict object' has no attribute 'x'")]
    [InlineData("''[0] + 'a'", "str object has no element 0")]
    [InlineData("missing + 1", "'missing' is undefined")]
    [InlineData("none()", "'NoneType' object is not callable")]
    [InlineData("1 // 0", "integer division or modulo by zero")]
    [InlineData("5 | length", "object of type 'int' has no len()")]
    [InlineData("[1].append(2)", "access to attribute 'append' of 'list' object is unsafe.")]
    [InlineData("raise_exception('Only user roles')", "Only user roles")]
    [InlineData("missing | tojson", "Object of type Undefined is not JSON serializable")]
    public void Misuse_RaisesPythonsMessage(string expression, string message) =>
        Assert.Equal(message, Fail("{{ " + expression + " }}", """{"d": {}}""").Message);

    [Fact]
    public void RenderError_KnowsItsLine() => Assert.Equal(3, Fail("a\n\n{{ missing.x }}").Line);

    [Fact]
    public void JsonNumbers_KeepTheirKind() =>
        Assert.Equal("1 1.0 12345678901234567890123", Render("{{ a }} {{ b }} {{ c }}", """{"a": 1, "b": 1.0, "c": 12345678901234567890123}"""));

    [Fact]
    public void ParsedTemplate_RendersFromManyThreadsAtOnce()
    {
        JinjaTemplate template = JinjaTemplate.Parse(
            "{% set ns = namespace(t='') %}{% for i in range(n) %}{% set ns.t = ns.t ~ i %}{% endfor %}{{ ns.t }}");
        Parallel.For(1, 200, n => Assert.Equal(
            string.Concat(Enumerable.Range(0, n)),
            template.Render(new Dictionary<string, object?> { ["n"] = n })));
    }
}
