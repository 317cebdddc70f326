namespace TrainingService.Training.Checkpoints;

/// <summary>
/// The two 8-bit floating-point types (Micikevicius et al., 2022, arXiv 2209.05433), which TorchSharp lacks, as tables of
/// their 256 values. All of them are exact in bfloat16 and float16.
/// </summary>
internal static class Float8
{
    /// <summary>4 bits of exponent, 3 of fraction; no infinities, and NaN only where all bits are set (<c>F8_E4M3</c>, "e4m3fn").</summary>
    public static IReadOnlyList<float> E4M3 { get; } = [.. Codes.Select(code => (code & 0x7f) == 0x7f ? float.NaN : Value(code, fractionBits: 3, bias: 7))];

    /// <summary>5 bits of exponent, 2 of fraction; infinities and NaN as in IEEE 754 (<c>F8_E5M2</c>).</summary>
    public static IReadOnlyList<float> E5M2 { get; } = [.. Codes.Select(code => (code & 0x7f) switch
    {
        < 0x7c => Value(code, fractionBits: 2, bias: 15),
        0x7c => code < 0x80 ? float.PositiveInfinity : float.NegativeInfinity,
        _ => float.NaN,
    })];

    private static IEnumerable<int> Codes => Enumerable.Range(0, 256);

    private static float Value(int code, int fractionBits, int bias)
    {
        int exponent = (code & 0x7f) >> fractionBits, ones = 1 << fractionBits, fraction = code & (ones - 1);
        double magnitude = exponent == 0 ? fraction * Math.Pow(2, 1 - bias) / ones : (ones + fraction) * Math.Pow(2, exponent - bias) / ones;
        return (float)(code < 0x80 ? magnitude : -magnitude);
    }
}
