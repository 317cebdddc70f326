using System.Runtime.InteropServices;

namespace TrainingService.Training.Native;

/// <summary>
/// Lets glibc keep freed tensors for the next ones. By default it gives the top of the heap back to the kernel as soon as it
/// is free, and a training step then spends a good part of its time on pages that the kernel clears again: the head of a
/// vocabulary of 49,152 took 1.6 times as long (docs/decisions/0003-tape.md).
/// </summary>
internal static class NativeHeap
{
    private const string Glibc = "libc.so.6";
    private const int TrimThreshold = -1;
    private const int MapThreshold = -3;
    private const int Mebibyte = 1 << 20;
    private const int BetweenCollections = 200; // milliseconds

    private static long s_scalarsFreedAt;

    /// <summary>Raises the thresholds; does nothing where the C library is another one.</summary>
    public static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad(Glibc, out nint library)) return;
        NativeLibrary.Free(library);
        // 32 MiB is the most that glibc takes; larger tensors are mapped one by one.
        _ = SetMallocOption(MapThreshold, 32 * Mebibyte);
        _ = SetMallocOption(TrimThreshold, 512 * Mebibyte);
    }

    /// <summary>
    /// Has TorchSharp's scalars freed. Each number in an expression makes one of a few native bytes, which is the garbage
    /// collector's to free; lying between freed tensors, they keep glibc from using that room again. The collector sees small
    /// objects alone, and with a large cache in the processor waits for hundreds of MiB of them: with 300 MiB of cache,
    /// SmolLM2's training grew by 200 MiB a step. Called often, it acts a few times a second.
    /// </summary>
    /// <returns>Whether it acted.</returns>
    public static bool FreeScalars()
    {
        long now = Environment.TickCount64, before = Volatile.Read(ref s_scalarsFreedAt);
        if (now - before < BetweenCollections || Interlocked.CompareExchange(ref s_scalarsFreedAt, now, before) != before) return false;
        GC.Collect(0, GCCollectionMode.Forced, blocking: true);
        GC.WaitForPendingFinalizers();
        return true;
    }

    /// <summary>Gives the kernel what is free, as after loading: quantising SmolLM2 left 188 MiB behind a model of 107.</summary>
    public static void GiveFreedMemoryBack()
    {
        if (!OperatingSystem.IsLinux() || !NativeLibrary.TryLoad(Glibc, out nint library)) return;
        NativeLibrary.Free(library);
        _ = Trim(0);
    }

    [DllImport(Glibc, EntryPoint = "malloc_trim")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Trim(nint kept);

    [DllImport(Glibc, EntryPoint = "mallopt")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetMallocOption(int option, int value);
}
