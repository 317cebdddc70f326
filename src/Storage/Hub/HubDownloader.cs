using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;

namespace TrainingService.Storage.Hub;

/// <summary>
/// Fetches the files of a plan into a folder and checks them. A large file comes in parts, several at once; what was there
/// before, from an attempt that broke off or a process that died, is not fetched again.
/// </summary>
public sealed class HubDownloader(HubClient hub, HubRetries retries, IOptions<HubOptions> options, FreeSpace freeSpace, TimeProvider timeProvider)
{
    private const int BufferBytes = 128 << 10;

    /// <summary>Refuses a plan that the disk has no room for.</summary>
    /// <param name="plan">What to fetch.</param>
    /// <param name="folder">A folder that is there, on the disk in question.</param>
    /// <param name="bytesThere">Bytes of the plan that lie on the disk already.</param>
    /// <exception cref="HubException">There is too little room.</exception>
    public void RequireSpace(DownloadPlan plan, string folder, long bytesThere = 0)
    {
        long needed = plan.Bytes - bytesThere, free = freeSpace(folder);
        if (needed > free)
            throw new HubException(HubErrorCodes.NotEnoughDisk,
                $"{plan.Repository.Model} needs {Gigabytes(needed)} GB more, but the disk of the models folder has {Gigabytes(free)} GB free. Make room, or let Storage__ModelsFolder be on a larger disk.");
    }

    /// <summary>Fetches what is missing.</summary>
    /// <param name="plan">What to fetch.</param>
    /// <param name="folder">A folder of the download's own.</param>
    /// <param name="progress">Is told how many bytes of the plan are there.</param>
    /// <param name="cancellationToken">Stops it; what has arrived stays.</param>
    /// <exception cref="HubException">The Hub does not give the files, or others than it says.</exception>
    public async Task DownloadAsync(DownloadPlan plan, string folder, Action<long> progress, CancellationToken cancellationToken)
    {
        long there = plan.Files.Sum(f => IsWhole(folder, f) ? f.Size : PartialFile.BytesDoneOf(folder, f));
        RequireSpace(plan, folder, there);

        long whole = plan.Files.Where(f => IsWhole(folder, f)).Sum(f => f.Size);
        progress(there);
        foreach (HubFile file in plan.Files.Where(f => !IsWhole(folder, f)))
        {
            long before = whole;
            await FetchAsync(plan.Repository, file, folder, done => progress(before + done), cancellationToken);
            whole += file.Size;
            progress(whole);
        }
    }

    // A file has its own name only once it was checked.
    private static bool IsWhole(string folder, HubFile file) => new FileInfo(Path.Combine(folder, file.Name)) is { Exists: true } there && there.Length == file.Size;

    private async Task FetchAsync(HubRepository repository, HubFile file, string folder, Action<long> progress, CancellationToken cancellationToken)
    {
        for (bool again = false; ; again = true)
        {
            using var partial = new PartialFile(folder, file, options.Value.PartBytes, timeProvider);
            await FetchPartsAsync(repository, file, partial, progress, cancellationToken);
            partial.Flush();
            string checksum = await ChecksumAsync(partial.Path, file, cancellationToken);
            if (checksum == file.Checksum)
            {
                partial.Become(Path.Combine(folder, file.Name));
                return;
            }
            partial.Delete();
            if (again)
                throw new HubException(HubErrorCodes.HashMismatch,
                    $"{file.Name} of {repository.Model} arrived twice with the checksum {checksum}, but {hub.Name} says {file.Checksum}. Something between here and there changes it; check proxies and HF_ENDPOINT.");
        }
    }

    private async Task FetchPartsAsync(HubRepository repository, HubFile file, PartialFile partial, Action<long> progress, CancellationToken cancellationToken)
    {
        try
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, partial.Parts), new ParallelOptions { MaxDegreeOfParallelism = options.Value.Connections, CancellationToken = cancellationToken },
                async (part, token) => await retries.RunAsync(() => FetchPartAsync(repository, file, partial, part, progress, token), () => partial.BytesDone, token));
        }
        catch (RangesUnknownException)
        {
            await retries.RunAsync(() => FetchWholeAsync(repository, file, partial, progress, cancellationToken), () => 0, cancellationToken);
        }
    }

    private async Task FetchPartAsync(HubRepository repository, HubFile file, PartialFile partial, int part, Action<long> progress, CancellationToken cancellationToken)
    {
        (long from, long end) = partial.Missing(part);
        if (from == end) return;
        bool ranged = from > 0 || end < file.Size;
        using HttpResponseMessage response = await hub.OpenAsync(repository, file, ranged ? new RangeHeaderValue(from, end - 1) : null, cancellationToken);
        if (ranged)
        {
            if (response.StatusCode == HttpStatusCode.OK) throw new RangesUnknownException();
            if (response.Content.Headers.ContentRange is not { } range || range.From != from || range.Length != file.Size)
                throw new HubException(HubErrorCodes.Unavailable, $"{hub.Name} answers bytes {response.Content.Headers.ContentRange} of {file.Name} when asked for {from} to {end - 1} of {file.Size}.");
        }
        await CopyAsync(response, file, end - from, async bytes =>
        {
            await partial.AppendAsync(part, bytes, cancellationToken);
            progress(partial.BytesDone);
        }, cancellationToken);
    }

    /// <summary>From a server that does not know ranges a file comes in one piece, and anew when the connection breaks.</summary>
    private async Task FetchWholeAsync(HubRepository repository, HubFile file, PartialFile partial, Action<long> progress, CancellationToken cancellationToken)
    {
        for (int i = 0; i < partial.Parts; i++) partial.Clear(i);
        int part = 0;
        using HttpResponseMessage response = await hub.OpenAsync(repository, file, null, cancellationToken);
        await CopyAsync(response, file, file.Size, async bytes =>
        {
            while (bytes.Length > 0)
            {
                (long from, long end) = partial.Missing(part);
                int count = (int)Math.Min(bytes.Length, end - from);
                await partial.AppendAsync(part, bytes[..count], cancellationToken);
                bytes = bytes[count..];
                if (count == end - from) part++;
            }
            progress(partial.BytesDone);
        }, cancellationToken);
    }

    private async Task CopyAsync(HttpResponseMessage response, HubFile file, long length, Func<ReadOnlyMemory<byte>, Task> write, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            await using Stream body = await response.Content.ReadAsStreamAsync(cancellationToken);
            while (length > 0)
            {
                int count = await ReadAsync(body, buffer.AsMemory(0, (int)Math.Min(BufferBytes, length)), cancellationToken);
                if (count == 0) throw new HubException(HubErrorCodes.Unavailable, $"{hub.Name} ends {file.Name} {length} bytes early.") { MayPass = true };
                await write(buffer.AsMemory(0, count));
                length -= count;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task<int> ReadAsync(Stream body, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        // The system's clock, whatever ours is: sockets know no other.
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        silence.CancelAfter(options.Value.Timeout);
        try
        {
            return await body.ReadAsync(buffer, silence.Token);
        }
        catch (Exception e) when (e is IOException or HttpRequestException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw HubErrors.Unreachable(hub.Name, e);
        }
    }

    private static async Task<string> ChecksumAsync(string path, HubFile file, CancellationToken cancellationToken)
    {
        // git's id of a file is the SHA-1 of "blob LENGTH\0" and the content.
        using var hash = IncrementalHash.CreateHash(file.IsSha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA1);
        if (!file.IsSha256) hash.AppendData(Encoding.ASCII.GetBytes($"blob {file.Size}\0"));
        await using var content = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        byte[] buffer = new byte[1 << 20];
        for (int count; (count = await content.ReadAsync(buffer, cancellationToken)) > 0;) hash.AppendData(buffer, 0, count);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static string Gigabytes(long bytes) => (bytes / 1e9).ToString(bytes < 10_000_000 ? "0.0000" : "0.00", CultureInfo.InvariantCulture);

    private sealed class RangesUnknownException : Exception;
}
