using System.Text.Json;

namespace TrainingService.Jinja.Tests;

/// <summary>Texts that Python's Jinja2 rendered, and what a JavaScript port of it expects of itself.</summary>
public sealed class ReferenceTests
{
    // This one prints a list of tools, which Python writes with single quotes and the port as JSON.
    private static readonly string[] PortDiffersFromPython = ["MadeAgents/Hammer2.1"];

    [Fact]
    public void ChatTemplates_RenderAsPythonRenderedThem()
    {
        var templates = new Dictionary<string, JinjaTemplate>();
        var differences = new List<string>();
        int compared = 0;
        foreach (JsonElement row in SharedData.Rows("chat-templates", "rendered-by-python-jinja2.jsonl"))
        {
            string name = row.GetProperty("template").GetString()!;
            string path = Path.Combine(SharedData.Path(), name);
            // Only the texts of some templates are beside the repository; the others have rows, but nothing to render.
            if (!File.Exists(path))
                continue;
            if (!templates.TryGetValue(name, out JinjaTemplate? template))
                templates[name] = template = JinjaTemplate.Parse(File.ReadAllText(path));
            compared++;
            string expected = row.TryGetProperty("error", out JsonElement error)
                ? "error " + error.GetString()!.Split(": ", 2)[1]
                : row.GetProperty("expected").GetString()!;
            string actual = RenderOrError(template, row.GetProperty("data"));
            if (actual != expected)
                differences.Add($"{name}, {row.GetProperty("conversation")}: expected {expected}, got {actual}");
        }

        Assert.Empty(differences);
        Assert.InRange(compared, 795, 1830);
    }

    [Fact]
    public void TrlTemplates_AllParse()
    {
        string[] files = Directory.GetFiles(SharedData.Path("chat-templates", "trl"), "*.jinja");
        Assert.NotEmpty(files);
        Assert.All(files, file => JinjaTemplate.Parse(File.ReadAllText(file)));
    }

    [Fact]
    public void EndToEndTemplates_RenderAsThePortExpects()
    {
        Assert.All(SharedData.Rows("chat-templates", "huggingface.js-jinja", "e2e.jsonl"), row =>
        {
            string actual = RenderOrError(JinjaTemplate.Parse(row.GetProperty("chat_template").GetString()!), row.GetProperty("data"));
            string expected = row.GetProperty("target").GetString()!;
            if (PortDiffersFromPython.Contains(row.GetProperty("model").GetString()))
                Assert.NotEqual(expected, actual);
            else
                Assert.Equal(expected, actual);
        });
    }

    /// <summary>
    /// PythonAnswers.json has the answer of Jinja2 3.1.6 on Python 3.11 wherever the port differs from it
    /// (it prints true, null and JSON-like lists, adds numbers to texts, and forgives some errors).
    /// </summary>
    [Fact]
    public void LanguageSamples_FollowPythonWhereThePortDiffers()
    {
        Dictionary<string, JsonElement> python = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(
            File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "PythonAnswers.json")))!;
        // Python 3.13 takes str.replace's count by name, 3.11 does not: we do.
        python.Remove("REPLACE");
        int compared = 0;
        foreach (JsonElement row in SharedData.Rows("chat-templates", "huggingface.js-jinja", "language.jsonl"))
        {
            if (row.GetProperty("needs_function").GetBoolean())
                continue;
            string name = row.GetProperty("name").GetString()!;
            string expected = !python.TryGetValue(name, out JsonElement answer) ? row.GetProperty("expected").GetString()!
                : answer.TryGetProperty("error", out JsonElement error) ? "error " + error.GetString()
                : answer.GetProperty("text").GetString()!;
            string actual = RenderOrError(JinjaTemplate.Parse(row.GetProperty("template").GetString()!), row.GetProperty("context"));
            Assert.True(expected == actual, $"{name}: expected {expected}, got {actual}");
            compared++;
        }

        Assert.True(compared > 150);
    }

    [Fact]
    public void FormattedTemplate_RendersAsTheOriginal()
    {
        using JsonDocument data = JsonDocument.Parse(
            """
            {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}], "add_generation_prompt": true}
            """);
        Assert.All(SharedData.Rows("chat-templates", "huggingface.js-jinja", "formatting.jsonl"), row => Assert.Equal(
            Rendering.Render(JinjaTemplate.Parse(row.GetProperty("chat_template").GetString()!), data.RootElement),
            Rendering.Render(JinjaTemplate.Parse(row.GetProperty("target").GetString()!), data.RootElement)));
    }

    private static string RenderOrError(JinjaTemplate template, JsonElement data)
    {
        try
        {
            return Rendering.Render(template, data);
        }
        catch (JinjaRenderException exception)
        {
            return "error " + exception.Message;
        }
    }
}
