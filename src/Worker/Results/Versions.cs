using System.Reflection;
using TorchSharp;
using TrainingService.Worker.Hosting;

namespace TrainingService.Worker.Results;

/// <summary>The software that a run's numbers depend on.</summary>
internal sealed record Versions(string Service, string Dotnet, string TorchSharp, string Libtorch)
{
    public static Versions Here() => new(Of(typeof(WorkerHost).Assembly), Environment.Version.ToString(), Of(typeof(torch).Assembly), torch.__version__);

    private static string Of(Assembly assembly) =>
        assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? assembly.GetName().Version!.ToString();
}
