using System.Diagnostics;
using System.Runtime.CompilerServices;
using TorchSharp;
using TrainingService.Training.Native;
using TrainingService.Training.Tests.Models;

namespace TrainingService.Training.Tests.Native;

[Collection(nameof(Alone))]
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
    public void HoweverOftenAskedFor_ItActsAFewTimesASecond()
    {
        var elapsed = Stopwatch.StartNew();
        int acted = 0;
        while (elapsed.Elapsed < TimeSpan.FromMilliseconds(500)) acted += NativeHeap.FreeScalars() ? 1 : 0;
        Assert.InRange(acted, 1, 3);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Make() => new(0.5.ToScalar());
}
