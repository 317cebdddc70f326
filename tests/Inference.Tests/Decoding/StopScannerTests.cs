using TrainingService.Inference.Decoding;

namespace TrainingService.Inference.Tests.Decoding;

public class StopScannerTests
{
    [Theory]
    [InlineData("aaab", "hello aaaab!", "hello a")]
    [InlineData("END|EN!", "the ENEN! is", "the EN")]
    [InlineData("x", "xyz", "")]
    [InlineData("zz", "ends with z", "ends with z")]
    [InlineData("abc|b", "zzabzz", "zza")]
    public void FirstStopText_CutsHoweverTheTextArrives(string stops, string text, string expected)
    {
        for (int size = 1; size <= text.Length; size++)
        {
            var scanner = new StopScanner(stops.Split('|'));
            string written = "";
            foreach (char[] part in text.Chunk(size))
            {
                written += scanner.Append(new string(part));
                // What is out stays out: it is never more than the final text.
                Assert.StartsWith(written, expected);
                if (scanner.Found) break;
            }
            Assert.Equal(expected, scanner.Found ? written : written + scanner.Flush());
        }
    }

    [Fact]
    public void TextThatCannotBeginAStop_IsNotHeldBack()
    {
        var scanner = new StopScanner(["\nUser:"]);
        Assert.Equal("Hello", scanner.Append("Hello\nUs"));
        Assert.Equal("\nUsual", scanner.Append("ual"));
        Assert.False(scanner.Found);
    }
}
