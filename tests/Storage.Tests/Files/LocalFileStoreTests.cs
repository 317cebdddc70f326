using System.Security.Cryptography;
using TrainingService.Storage.Files;

namespace TrainingService.Storage.Tests.Files;

public sealed class LocalFileStoreTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("files-");
    private readonly LocalFileStore _store;

    public LocalFileStoreTests() => _store = new(_folder.FullName);

    public void Dispose() => _folder.Delete(recursive: true);

    private async Task<StoredContent> Write(string key, byte[] content)
    {
        await using FileStoreWriter writer = _store.Create(key);
        await writer.WriteAsync(content);
        return await writer.CommitAsync(CancellationToken.None);
    }

    private string[] Leftovers() => [.. Directory.EnumerateFiles(Path.Combine(_folder.FullName, ".incoming"))];

    [Fact]
    public async Task Content_OnceCommitted_IsReadBackWithItsDigest()
    {
        byte[] content = RandomNumberGenerator.GetBytes(300_000);
        StoredContent stored = await Write("files/file-1", content);

        Assert.Equal((300_000, Convert.ToHexStringLower(SHA256.HashData(content))), (stored.Bytes, stored.Sha256));
        await using Stream read = _store.OpenRead("files/file-1");
        read.Seek(299_000, SeekOrigin.Begin);
        byte[] end = new byte[1000];
        await read.ReadExactlyAsync(end);
        Assert.Equal(content[299_000..], end);
        Assert.Empty(Leftovers());
    }

    [Fact]
    public async Task Content_NotCommitted_LeavesNothing()
    {
        await using (FileStoreWriter writer = _store.Create("files/file-1"))
            await writer.WriteAsync(new byte[10]);
        Assert.False(_store.Exists("files/file-1"));
        Assert.Empty(Leftovers());
    }

    [Fact]
    public async Task Content_WrittenAgain_IsReplacedAsAWhole()
    {
        await Write("a", [1, 2, 3]);
        await using FileStoreWriter writer = _store.Create("a");
        writer.Write([9]);
        await using (Stream before = _store.OpenRead("a")) Assert.Equal(3, before.Length);
        await writer.CommitAsync(CancellationToken.None);
        await using Stream after = _store.OpenRead("a");
        Assert.Equal(1, after.Length);
    }

    [Fact]
    public async Task Deletion_WhileSomebodyReads_LetsTheReaderFinish()
    {
        await Write("a", [1, 2, 3]);
        await using Stream read = _store.OpenRead("a");
        _store.Delete("a");
        _store.Delete("a");
        _store.Delete("never/there");
        Assert.False(_store.Exists("a"));
        Assert.Equal(1, read.ReadByte());
    }

    [Theory]
    [InlineData("../outside"), InlineData("a/../../outside"), InlineData("/etc/passwd"), InlineData(".work/x"), InlineData("a//b"), InlineData("a/"), InlineData(""), InlineData("a\\b"), InlineData("a\n"), InlineData("a/.b"), InlineData("c:x")]
    public void Key_ThatCouldLeaveTheFolder_IsRefused(string key)
    {
        Assert.Throws<ArgumentException>(() => _store.Create(key));
        Assert.Throws<ArgumentException>(() => _store.OpenRead(key));
        Assert.Throws<ArgumentException>(() => _store.Delete(key));
        Assert.Throws<ArgumentException>(() => _store.WorkFolder(key));
    }

    [Fact]
    public void Reading_WhatIsNotThere_SaysSo()
    {
        var e = Assert.Throws<FileStoreException>(() => _store.OpenRead("files/file-1"));
        Assert.Contains("files/file-1", e.Message);
    }

    [Fact]
    public void FullDisk_LeavesNoHalfFile_AndSaysWhatHappened()
    {
        // /dev/full refuses every write with "no space left on device", which is what a full disk does.
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");
        string link = Path.Combine(_folder.FullName, ".incoming", "link");
        File.CreateSymbolicLink(link, "/dev/full");
        using (var writer = new LocalFileStoreWriter("files/file-1", link, Path.Combine(_folder.FullName, "files", "file-1"), FileMode.Open))
        {
            var e = Assert.Throws<FileStoreException>(() => { writer.Write(new byte[200_000]); writer.Flush(); });
            Assert.Contains("files/file-1", e.Message);
            Assert.Contains("No space left", e.Message);
        }
        Assert.False(_store.Exists("files/file-1"));
        Assert.Empty(Leftovers());
    }

    [Fact]
    public void Folder_ThatCannotBeWritten_IsNamed()
    {
        File.WriteAllText(Path.Combine(_folder.FullName, "taken"), "");
        var e = Assert.Throws<FileStoreException>(() => new LocalFileStore(Path.Combine(_folder.FullName, "taken", "files")));
        Assert.Contains("taken", e.Message);
    }

    [Fact]
    public void Abandoned_OldLeftoversGo_YoungStay()
    {
        string old = Path.Combine(_folder.FullName, ".incoming", "old"), young = Path.Combine(_folder.FullName, ".incoming", "young");
        File.WriteAllText(old, "");
        File.WriteAllText(young, "");
        DateTime now = File.GetLastWriteTimeUtc(young);
        File.SetLastWriteTimeUtc(old, now.AddDays(-2));
        Assert.Equal(1, _store.RemoveAbandoned(now.AddDays(-1)));
        Assert.Equal([young], Leftovers());
    }

    [Fact]
    public void WorkFolder_IsKeptUntilDeleted()
    {
        string folder = _store.WorkFolder("ftjob-1");
        File.WriteAllText(Path.Combine(folder, "x"), "");
        Assert.Equal(folder, new LocalFileStore(_folder.FullName).WorkFolder("ftjob-1"));
        Assert.True(File.Exists(Path.Combine(folder, "x")));
        _store.DeleteWorkFolder("ftjob-1");
        _store.DeleteWorkFolder("ftjob-1");
        Assert.False(Directory.Exists(folder));
    }
}
