using System.Runtime.CompilerServices;
using System.Text.Json;
using TrainingService.Datasets.Formats;

namespace TrainingService.Datasets.Containers;

/// <summary>JSON Lines: an object a line. A bad line is told and passed over.</summary>
internal static class JsonLines
{
    public static async IAsyncEnumerable<ContainerRow> ReadAsync(InputBuffer input, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        int searched = 0;
        for (long number = 1; ; number++)
        {
            int feed;
            bool tooLong = false;
            while ((feed = input.Unread.Span[searched..].IndexOf((byte)'\n')) < 0 && !input.Ended)
            {
                if (input.Full) tooLong = true;
                if (tooLong) input.Take(input.Unread.Length);
                searched = input.Unread.Length;
                await input.FillAsync(cancellationToken);
            }
            ReadOnlyMemory<byte> line = feed < 0 ? input.Unread : input.Unread[..(searched + feed)];
            if (feed < 0 && line.IsEmpty && !tooLong) yield break;
            input.Take(feed < 0 ? line.Length : line.Length + 1);
            searched = 0;

            if (tooLong || line.Length > InputBuffer.MaxRowBytes)
            {
                yield return ContainerRow.Bad(number, $"The line is longer than {InputBuffer.MaxRowBytes >> 20} MiB; are the rows on lines of their own?");
                continue;
            }
            // Blank lines are what an editor leaves at a file's end.
            if (line.Span.TrimStart(" \t\r"u8).IsEmpty) continue;
            using JsonDocument? row = JsonRow.Parse(line, number, isCutOff: feed < 0, out RowProblem? problem);
            yield return new(number, row?.RootElement ?? default, problem);
        }
    }
}
