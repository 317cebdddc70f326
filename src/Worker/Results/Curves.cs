using System.Globalization;
using System.Text;
using TrainingService.Domain.Metrics;

namespace TrainingService.Worker.Results;

/// <summary>A run's curves as an SVG picture: a panel a metric, training as a line, evaluations as dots joined by one.</summary>
internal static class Curves
{
    private const double Width = 340, Height = 230, Left = 52, Right = 14, Top = 34, Bottom = 40;

    // A line of more points than the panel has pixels is only a larger file: neighbours are averaged.
    private const int MostPoints = 250;

    private static readonly (string Metric, string Title)[] s_panels =
    [
        (MetricNames.Loss, "loss"), (MetricNames.RewardsMargins, "reward margin"), (MetricNames.RewardsAccuracies, "reward accuracy"),
        (MetricNames.MeanTokenAccuracy, "token accuracy"), (MetricNames.Kl, "kl"),
    ];

    public static string Svg(IReadOnlyList<StepMetrics> logs)
    {
        // What was measured, at most three: the first ones tell most.
        (string Metric, string Title)[] panels = [.. s_panels.Where(p => logs.Any(m => m.Values.ContainsKey(p.Metric))).Take(3)];
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width * Math.Max(1, panels.Length)} {Height}" width="{Width * Math.Max(1, panels.Length)}" height="{Height}" font-family="sans-serif" font-size="11" fill="#444">""");
        svg.Append("""<rect width="100%" height="100%" fill="#fff"/>""");
        for (int i = 0; i < panels.Length; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"""<g transform="translate({i * Width} 0)">""");
            Panel(svg, panels[i].Title, Points(logs, panels[i].Metric, MetricSplit.Train), Points(logs, panels[i].Metric, MetricSplit.Eval));
            svg.Append("</g>");
        }
        return svg.Append("</svg>\n").ToString();
    }

    private static (double X, double Y)[] Points(IReadOnlyList<StepMetrics> logs, string metric, MetricSplit split)
    {
        (double X, double Y)[] all = [.. logs.Where(m => m.Split == split && m.Values.ContainsKey(metric)).Select(m => ((double)m.Step, m.Values[metric]))];
        int stride = (all.Length + MostPoints - 1) / MostPoints;
        return stride <= 1 ? all : [.. all.Chunk(stride).Select(c => (c.Average(p => p.X), c.Average(p => p.Y)))];
    }

    private static void Panel(StringBuilder svg, string title, (double X, double Y)[] train, (double X, double Y)[] eval)
    {
        (double X, double Y)[] all = [.. train, .. eval];
        double lastStep = all.Max(p => p.X), low = all.Min(p => p.Y), high = all.Max(p => p.Y);
        if (high - low < 1e-9) (low, high) = (low - 0.5, high + 0.5);
        double tick = Tick(high - low);
        (low, high) = (Math.Floor(low / tick) * tick, Math.Ceiling(high / tick) * tick);

        double X(double step) => Left + ((Width - Left - Right) * step / lastStep);
        double Y(double value) => Height - Bottom - ((Height - Top - Bottom) * (value - low) / (high - low));

        svg.Append(CultureInfo.InvariantCulture, $"""<text x="{Left}" y="18" font-size="13" font-weight="bold" fill="#222">{title}</text>""");
        for (int i = 0; i <= Math.Round((high - low) / tick); i++)
        {
            double value = low + (i * tick);
            svg.Append(CultureInfo.InvariantCulture, $"""<path d="M{Left} {Y(value):0.#}H{Width - Right}" stroke="#e4e4e4"/><text x="{Left - 6}" y="{Y(value) + 4:0.#}" text-anchor="end">{value:0.####}</text>""");
        }
        double stepTick = Math.Max(1, Tick(lastStep));
        for (double step = 0; step <= lastStep; step += stepTick)
            svg.Append(CultureInfo.InvariantCulture, $"""<text x="{X(step):0.#}" y="{Height - Bottom + 16}" text-anchor="middle">{step:0}</text>""");
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="{(Left + Width - Right) / 2}" y="{Height - 8}" text-anchor="middle">step</text>""");

        Line(svg, [.. train.Select(p => (X(p.X), Y(p.Y)))], "#1f77b4");
        Line(svg, [.. eval.Select(p => (X(p.X), Y(p.Y)))], "#d62728");
        foreach ((double step, double value) in eval)
            svg.Append(CultureInfo.InvariantCulture, $"""<circle cx="{X(step):0.#}" cy="{Y(value):0.#}" r="3" fill="#d62728"/>""");
        string legend = eval.Length == 0 ? "" : " <tspan fill=\"#d62728\">validation</tspan>";
        svg.Append(CultureInfo.InvariantCulture, $"""<text x="{Width - Right}" y="18" text-anchor="end"><tspan fill="#1f77b4">training</tspan>{legend}</text>""");
    }

    private static void Line(StringBuilder svg, (double X, double Y)[] points, string colour)
    {
        if (points.Length < 2) return;
        string path = string.Join(' ', points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.X:0.#},{p.Y:0.#}")));
        svg.Append($"""<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-linejoin="round"/>""");
    }

    /// <summary>1, 2 or 5 times a power of ten, four or five of which make the span.</summary>
    private static double Tick(double span)
    {
        double power = Math.Pow(10, Math.Floor(Math.Log10(span / 4))), part = span / 4 / power;
        return power * (part > 5 ? 10 : part > 2 ? 5 : part > 1 ? 2 : 1);
    }
}
