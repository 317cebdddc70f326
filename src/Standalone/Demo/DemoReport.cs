using System.Globalization;
using System.Text.Json;

namespace TrainingService.Standalone.Demo;

/// <summary>What the demo shows of the job.</summary>
/// <param name="output">Where to.</param>
/// <param name="live">Whether a line may be written over, as on a terminal.</param>
internal sealed class DemoReport(TextWriter output, bool live)
{
    private const int RowsShown = 12;
    private const int ColumnWidth = 56;

    private int _shownStep = -1;

    public void Heading(string text)
    {
        output.WriteLine();
        output.WriteLine(text);
    }

    public void Tell(string text) => output.WriteLine("  " + text);

    /// <summary>One line that follows the job: steps, speed, time left and the newest metrics.</summary>
    public void Progress(JsonElement job)
    {
        JsonElement progress = job.GetProperty("progress");
        if (progress.GetProperty("total_steps") is not { ValueKind: JsonValueKind.Number } total) return;
        int step = progress.GetProperty("step").GetInt32();
        // Without a terminal a line a log is enough.
        if (step == 0 || step == _shownStep || (!live && step % 10 != 0 && step != total.GetInt32())) return;
        _shownStep = step;
        double? speed = Number(progress, "pairs_per_second");
        string left = Number(job, "estimated_finish") is { } finish
            ? TimeSpan.FromSeconds(Math.Max(0, finish - TimeProvider.System.GetUtcNow().ToUnixTimeSeconds())).ToString(@"m\:ss", CultureInfo.InvariantCulture) : "0:00";
        string line = $"step {step,3} of {total}  {Shown(speed, "f1")} pairs/s  {left} left  loss {Shown(Number(progress, "loss"), "f4")}"
            + $"  margin {Shown(Number(progress, "rewards/margins"), "f3")}  accuracy {Shown(Number(progress, "rewards/accuracies"), "f2")}";
        if (live) output.Write($"\r  {line}   ");
        else output.WriteLine("  " + line);
    }

    public void EndProgress()
    {
        if (live && _shownStep >= 0) output.WriteLine();
    }

    public void Validation(JsonElement metrics)
    {
        foreach (JsonElement row in metrics.GetProperty("data").EnumerateArray())
        {
            JsonElement values = row.GetProperty("values");
            Tell($"epoch {row.GetProperty("epoch").GetDouble():f0}: loss {values.GetProperty("loss").GetDouble():f4}"
                + $"  margin {values.GetProperty("rewards/margins").GetDouble():f3}  accuracy {values.GetProperty("rewards/accuracies").GetDouble():f2}");
        }
    }

    public void Table(Answers before, Answers after)
    {
        Tell($"{"question",-40} {"before",-ColumnWidth} after");
        foreach ((Answered old, Answered now) in before.All.Zip(after.All).OrderByDescending(p => p.First.Answer != p.Second.Answer).Take(RowsShown))
            Tell($"{Cut(old.Question, 40),-40} {Cut(old.Answer, ColumnWidth),-ColumnWidth} {now.Answer}");
        output.WriteLine();
        Tell($"plain answers {before.Plain} → {after.Plain} of {after.All.Count}, right answers {before.Right} → {after.Right}, characters {before.MeanCharacters:f0} → {after.MeanCharacters:f0}");
    }

    private static double? Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    private static string Shown(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "–";

    private static string Cut(string text, int width) => text.Length <= width ? text : text[..(width - 1)] + "…";
}
