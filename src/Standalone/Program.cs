using System.Runtime.InteropServices;
using TrainingService.Standalone.Demo;
using TrainingService.Standalone.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Worker.Reproduction;

if (!CommandLine.TryParse(args, out CommandLine command, out string? problem))
{
    Console.Error.WriteLine(problem);
    Console.Error.WriteLine(CommandLine.Usage);
    return 2;
}
if (command.Help)
{
    Console.WriteLine(CommandLine.Usage);
    return 0;
}
if (command.Keys is { } keys) return await KeyCommand.RunAsync(keys, StandaloneHost.SettingsOf(command));
if (command.Reproduce is { } manifest)
{
    using var interrupted = new CancellationTokenSource();
    using IDisposable onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt), onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
    return await ReproduceCommand.RunAsync(manifest, command.DataFolder, [command.ModelsFolder, StandaloneHost.SamplesFolder], Console.Out, interrupted.Token);

    void Interrupt(PosixSignalContext signal)
    {
        signal.Cancel = true;
        interrupted.Cancel();
    }
}
await using WebApplication app = StandaloneHost.Build(command);
if (command.Demo) return await DemoCommand.RunAsync(app, command.DataFolder);
try
{
    await app.StartAsync();
}
catch (KeyMissingException missing)
{
    Console.Error.WriteLine(missing.Message);
    return 2;
}
StandaloneHost.Welcome(app, command);
await app.WaitForShutdownAsync();
return 0;
