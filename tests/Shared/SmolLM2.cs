using System.Diagnostics;

namespace TrainingService.Tests;

/// <summary>SmolLM2-135M-Instruct of the shared data in Hugging Face's form, unpacked once a machine.</summary>
public static class SmolLM2
{
    /// <summary>The model's folder; skips the test when the shared data or Python is absent.</summary>
    public static string Folder()
    {
        string unpack = RepositoryRoot.SharedPath("models", "SmolLM2-135M-Instruct", "unpack");
        string folder = Path.Combine(Path.GetTempPath(), "training-service-tests", "SmolLM2-135M-Instruct");
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        // Test projects run one after the other, but a developer may start two.
        using var only = new Mutex(false, "Global\\training-service-smollm2");
        only.WaitOne();
        try
        {
            using Process python = Process.Start(new ProcessStartInfo("python3", [unpack, folder]) { RedirectStandardOutput = true })!;
            python.WaitForExit();
            Assert.SkipUnless(python.ExitCode == 0, "python3 could not unpack SmolLM2.");
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("Unpacking SmolLM2 needs python3.");
        }
        finally
        {
            only.ReleaseMutex();
        }
        return folder;
    }
}
