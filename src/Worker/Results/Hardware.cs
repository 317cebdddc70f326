using System.Runtime.InteropServices;
using System.Text;
using TorchSharp;
using TrainingService.Training.Native;

namespace TrainingService.Worker.Results;

/// <summary>The machine that a run's numbers depend on.</summary>
/// <param name="Device">Where it trained: cpu or cuda.</param>
/// <param name="Gpu">Name of the GPU; null where there is none.</param>
/// <param name="GpuMemoryBytes">Its memory.</param>
/// <param name="Cpu">Name of the processor.</param>
/// <param name="Cores">Cores that the process may use.</param>
/// <param name="MemoryBytes">Memory that the process may use.</param>
/// <param name="OperatingSystem">Name and version of the operating system, with the processor's architecture.</param>
internal sealed record Hardware(string Device, string? Gpu, long? GpuMemoryBytes, string Cpu, int Cores, long MemoryBytes, string OperatingSystem)
{
    private const string CpuInfo = "/proc/cpuinfo";

    public static Hardware Here()
    {
        bool onGpu = TorchRuntime.DefaultDevice().type == DeviceType.CUDA;
        (string Name, long Bytes)? gpu = onGpu ? Cuda() : null;
        return new(onGpu ? "cuda" : "cpu", gpu?.Name, gpu?.Bytes, Processor(), Environment.ProcessorCount,
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}");
    }

    private static string Processor()
    {
        string? model = File.Exists(CpuInfo)
            ? File.ReadLines(CpuInfo).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1].Trim()
            : Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");
        return string.IsNullOrEmpty(model) ? "unknown" : model;
    }

    /// <summary>By the driver's own interface, as TorchSharp does not tell; the first device is the one that trains.</summary>
    private static (string Name, long Bytes)? Cuda()
    {
        try
        {
            byte[] name = new byte[128];
            if (CuInit(0) != 0 || CuDeviceGet(out int device, 0) != 0 || CuDeviceGetName(name, name.Length, device) != 0 || CuDeviceTotalMem(out nuint bytes, device) != 0) return null;
            return (Encoding.ASCII.GetString(name).TrimEnd('\0'), (long)bytes);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    static Hardware() => NativeLibrary.SetDllImportResolver(typeof(Hardware).Assembly, (library, _, _) =>
        library == "cuda" && NativeLibrary.TryLoad(System.OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint handle) ? handle : 0);

    [DllImport("cuda", EntryPoint = "cuInit")]
    private static extern int CuInit(uint flags);

    [DllImport("cuda", EntryPoint = "cuDeviceGet")]
    private static extern int CuDeviceGet(out int device, int ordinal);

    [DllImport("cuda", EntryPoint = "cuDeviceGetName")]
    private static extern int CuDeviceGetName([Out] byte[] name, int length, int device);

    [DllImport("cuda", EntryPoint = "cuDeviceTotalMem_v2")]
    private static extern int CuDeviceTotalMem(out nuint bytes, int device);
}
