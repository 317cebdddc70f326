using System.Runtime.InteropServices;
using TorchSharp;

namespace TrainingService.Training.Native;

/// <summary>Finds and loads libtorch before its first use, and says plainly what is missing when that fails.</summary>
public static class TorchRuntime
{
    /// <summary>Environment variable naming the folder that holds an external libtorch 2.10 (<c>TorchBackend=external</c>).</summary>
    public const string FolderVariable = "TRAINING_LIBTORCH";

    private static readonly Lock s_gate = new();
    private static bool s_loaded;

    /// <summary>Loads libtorch; later calls do nothing.</summary>
    /// <exception cref="InvalidOperationException">libtorch cannot be loaded; the message says why and what to do.</exception>
    public static void Initialize()
    {
        lock (s_gate)
        {
            if (s_loaded) return;
            NativeHeap.KeepFreedMemory();
            string? folder = Environment.GetEnvironmentVariable(FolderVariable);
            if (!string.IsNullOrEmpty(folder)) LoadExternal(folder);
            try
            {
                torch.InitializeDeviceType(DeviceType.CPU);
            }
            catch (Exception exception) when (exception is NotSupportedException or TypeInitializationException or DllNotFoundException or InvalidOperationException)
            {
                throw new InvalidOperationException(
                    "libtorch could not be loaded. Build with TorchBackend=cpu or cuda so that it lies beside the program, or set "
                    + $"{FolderVariable} to the lib folder of a PyTorch 2.10 install. The loader said: {exception.GetBaseException().Message}", exception);
            }
            s_loaded = true;
        }
    }

    /// <summary>The device that models run on: the first CUDA device when there is one, else the CPU.</summary>
    public static torch.Device DefaultDevice() => torch.cuda_is_available() ? torch.CUDA : torch.CPU;

    private static void LoadExternal(string folder)
    {
        string library = Path.Combine(folder, OperatingSystem.IsWindows() ? "torch.dll" : OperatingSystem.IsMacOS() ? "libtorch.dylib" : "libtorch.so");
        if (!File.Exists(library))
            throw new InvalidOperationException($"{FolderVariable} is {folder}, which holds no {Path.GetFileName(library)}.");
        try
        {
            NativeLibrary.Load(library);
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            throw new InvalidOperationException($"{library} could not be loaded: {exception.Message}", exception);
        }
    }
}
