using System.Text;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Tests.Formats;

/// <summary>Runs after the others: it looks at the memory of the whole process.</summary>
[CollectionDefinition(nameof(TrainingFileMemoryTests), DisableParallelization = true)]
[Collection(nameof(TrainingFileMemoryTests))]
public sealed class TrainingFileMemoryTests
{
    [Fact]
    public async Task CheckingALargeFile_HoldsAFewMebibytes()
    {
        byte[] row = Encoding.UTF8.GetBytes($$"""{"prompt": "{{new string('p', 1000)}}", "chosen": "{{new string('c', 1000)}}", "rejected": "r"}""" + "\n");
        const int Rows = 30_000; // 60 MB
        using var stream = new RepeatingStream(row, Rows);

        long before = GC.GetTotalMemory(forceFullCollection: true);
        TrainingFileCheck check = await TrainingFile.CheckAsync(stream, TestContext.Current.CancellationToken);

        Assert.Equal((Rows, 0), (check.Rows, check.ProblemCount));
        // What is still reachable half-way through, garbage aside.
        Assert.InRange(stream.LiveBytesHalfWay - before, long.MinValue, 4 << 20);
        Assert.InRange(stream.LargestRead, 1, 1 << 20);
    }

    [Fact]
    public void Reading_TakesRowsAsTheyAreAskedFor()
    {
        byte[] row = Encoding.UTF8.GetBytes(TrainingText.Good + "\n");
        using var stream = new RepeatingStream(row, 1_000_000);
        Assert.Equal(10, TrainingFile.Read(stream).Take(10).Count());
        Assert.InRange(stream.Taken, 1, 1 << 20);
    }

    /// <summary>One row over and over, so that the file itself takes no memory.</summary>
    private sealed class RepeatingStream(byte[] row, int rows) : Stream
    {
        private readonly long _length = (long)row.Length * rows;

        public long Taken { get; private set; }
        public long LiveBytesHalfWay { get; private set; } = -1;
        public int LargestRead { get; private set; }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            LargestRead = Math.Max(LargestRead, buffer.Length);
            if (LiveBytesHalfWay < 0 && Taken > _length / 2) LiveBytesHalfWay = GC.GetTotalMemory(forceFullCollection: true);
            int count = 0;
            for (; count < buffer.Length && Taken < _length; count++, Taken++) buffer[count] = row[Taken % row.Length];
            return count;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(Read(buffer.Span));

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => _length;
        public override long Position { get => Taken; set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
