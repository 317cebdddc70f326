using System.Diagnostics.Metrics;

namespace TrainingService.Inference.Decoding;

/// <summary>What decoding tells operators: how many answers are being written, and how many tokens were drawn.</summary>
internal sealed class DecodingMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "TrainingService.Inference";

    private readonly UpDownCounter<int> _answers;
    private readonly Counter<int> _tokens;

    public DecodingMetrics(IMeterFactory meters)
    {
        Meter meter = meters.Create(MeterName);
        _answers = meter.CreateUpDownCounter<int>("inference.answers.active", description: "Answers being written.");
        _tokens = meter.CreateCounter<int>("inference.tokens", description: "Tokens drawn.");
    }

    public void Began(int answers) => _answers.Add(answers);

    public void Ended(int answers) => _answers.Add(-answers);

    public void Drew(int tokens) => _tokens.Add(tokens);
}
