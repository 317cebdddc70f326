using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tests.Formats;
using TrainingService.Datasets.Tokenization;

namespace TrainingService.Datasets.Tests.Templates;

public sealed class ChatTemplateTests : IDisposable
{
    private static readonly ChatMessage[] s_hello = [new("user", "Hello")];
    private readonly ModelFolder _model = new();

    public void Dispose() => _model.Dispose();

    [Fact]
    public void DemoTemplate_RendersAsTrained()
    {
        ChatTemplate template = Load();
        Assert.Equal("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", template.Render(s_hello, addGenerationPrompt: true));
        Assert.Equal("<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nHi.<|im_end|>\n", template.Render([.. s_hello, new("assistant", " Hi. ")], addGenerationPrompt: false));
    }

    [Fact]
    public void ModelWithoutTemplate_HasNone()
    {
        _model.Configure(c => c.Remove("chat_template"));
        Assert.Null(ChatTemplate.Load(_model.Path, ModelTokenizer.Load(_model.Path)));
    }

    [Fact]
    public void JinjaFile_WinsOverTheConfiguration()
    {
        _model.Write("chat_template.jinja", "file");
        Assert.Equal("file", Load().Render(s_hello, addGenerationPrompt: false));
    }

    [Fact]
    public void NamedTemplates_AreChosenByTools()
    {
        _model.Configure(c => c["chat_template"] = new[] { new { name = "default", template = "plain" }, new { name = "tool_use", template = "with {{ tools[0].name }}" } });
        ChatTemplate template = Load();
        Assert.Equal("plain", template.Render(s_hello, addGenerationPrompt: false));
        Assert.Equal("with clock", template.Render(s_hello, addGenerationPrompt: false, [new Dictionary<string, object?> { ["name"] = "clock" }]));
    }

    [Fact]
    public void NamedTemplatesWithoutDefault_AreListed()
    {
        _model.Configure(c => c["chat_template"] = new[] { new { name = "rag", template = "x" } });
        var exception = Assert.Throws<ChatTemplateException>(() => Load().Render(s_hello, addGenerationPrompt: false));
        Assert.Contains("rag", exception.Message);
    }

    [Fact]
    public void SpecialTokens_AreVariablesAndMissingOnesUndefined()
    {
        _model.Configure(c =>
        {
            c["chat_template"] = "{{ bos_token }}|{{ eos_token }}|{{ image_token }}|{{ sep_token is defined }}|{{ tools is none }}";
            c["image_token"] = new { content = "<img>" };
            c["sep_token"] = null;
        });
        Assert.Equal("<|im_start|>|<|im_end|>|<img>|False|True", Load().Render(s_hello, addGenerationPrompt: false));
    }

    [Fact]
    public void Variables_ReachTheTemplate()
    {
        _model.Configure(c => c["chat_template"] = "{{ enable_thinking }} {{ messages[0].name }}");
        var message = new ChatMessage(new Dictionary<string, object?> { ["role"] = "user", ["content"] = "x", ["name"] = "Ann" });
        Assert.Equal("False Ann", Load().Render([message], addGenerationPrompt: false, variables: new Dictionary<string, object?> { ["enable_thinking"] = false }));
    }

    [Fact]
    public void Date_IsTheGivenClocks()
    {
        _model.Configure(c => c["chat_template"] = "{{ strftime_now('%d %b %Y') }}");
        ChatTemplate template = ChatTemplate.Load(_model.Path, ModelTokenizer.Load(_model.Path), new FixedClock())!;
        Assert.Equal("26 Jul 2024", template.Render(s_hello, addGenerationPrompt: false));
    }

    [Fact]
    public void RaisedException_KeepsTheTemplatesWords()
    {
        _model.Configure(c => c["chat_template"] = "{{ raise_exception('System role not supported') }}");
        var exception = Assert.Throws<ChatTemplateException>(() => Load().Render(s_hello, addGenerationPrompt: false));
        Assert.Contains("System role not supported", exception.Message);
    }

    [Fact]
    public void BrokenTemplate_NamesItsFile()
    {
        _model.Write("chat_template.jinja", "{% if %}");
        var exception = Assert.Throws<ChatTemplateException>(Load);
        Assert.Contains("chat_template.jinja", exception.Message);
        Assert.Contains("line 1", exception.Message);
    }

    private ChatTemplate Load() => Assert.IsType<ChatTemplate>(ChatTemplate.Load(_model.Path, ModelTokenizer.Load(_model.Path)));

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => new(2024, 7, 26, 12, 0, 0, TimeSpan.Zero);
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;
    }
}
