using TrainingService.Standalone.Demo;
using TrainingService.Standalone.Hosting;

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
await using WebApplication app = StandaloneHost.Build(command);
if (command.Demo) return await DemoCommand.RunAsync(app, command.DataFolder);
await app.StartAsync();
StandaloneHost.Welcome(app, command);
await app.WaitForShutdownAsync();
return 0;
