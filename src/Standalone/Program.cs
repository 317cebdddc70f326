using TrainingService.Standalone.Demo;
using TrainingService.Standalone.Hosting;
using TrainingService.Storage.Keys;

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
