using System.Text.Json;

namespace TrainingService.Jinja.Tests;

/// <summary>Renders templates on JSON, at the moment that the reference texts were made.</summary>
internal static class Rendering
{
    public static string Render(string template, string json = "{}", JinjaLimits? limits = null)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return Render(JinjaTemplate.Parse(template), document.RootElement, limits);
    }

    public static string Render(JinjaTemplate template, JsonElement data, JinjaLimits? limits = null) =>
        template.Render((IReadOnlyDictionary<string, object?>)JinjaValues.FromJson(data)!, limits, new ReferenceClock());

    public static JinjaRenderException Fail(string template, string json = "{}", JinjaLimits? limits = null) =>
        Assert.Throws<JinjaRenderException>(() => Render(template, json, limits));

    private sealed class ReferenceClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2025, 7, 10, 12, 0, 0, TimeSpan.Zero);
    }
}
