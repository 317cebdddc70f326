using System.Diagnostics;
using System.Runtime.CompilerServices;
using TorchSharp;
using TrainingService.Training.Native;

namespace TrainingService.Training.Tests.Native;

public class NativeHeapTests
{
    [Fact]
    public void Scalars_AreFreedInTime_ThoughTheCollectorHasNoReason()
    {
        TorchRuntime.Initialize();
        WeakReference scalar = Make();
        var patience = Stopwatch.StartNew();
        do
        {
            Thread.Sleep(20);
            NativeHeap.FreeScalars();
        }
        while (scalar.IsAlive && patience.Elapsed < TimeSpan.FromSeconds(30));
        Assert.False(scalar.IsAlive);
    }

    [Fact]
    public void Collections_AreAFewASecond_HoweverOftenTheyAreAskedFor()
    {
        var elapsed = Stopwatch.StartNew();
        int before = GC.CollectionCount(0);
        while (elapsed.Elapsed < TimeSpan.FromMilliseconds(500)) NativeHeap.FreeScalars();
        int forced = GC.CollectionCount(0) - before;
        // Other tests beside this one have the collector work too, but not by the thousand.
        Assert.InRange(forced, 1, 500);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Make() => new(0.5.ToScalar());
}
