using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using TrainingService.Api.Hosting;
using TrainingService.Inference.Hosting;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;
using TrainingService.Storage.Models;
using TrainingService.Worker.Hosting;

namespace TrainingService.Standalone.Hosting;

/// <summary>API, worker and inference in one process over SQLite and an in-memory queue.</summary>
public sealed class StandaloneHost
{
    private StandaloneHost() { }

    internal static WebApplication Build(CommandLine command)
    {
        WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions { ApplicationName = typeof(StandaloneHost).Assembly.GetName().Name });
        builder.Configuration.AddInMemoryCollection(SettingsOf(command));
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(command.Listen, command.Port));
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        // Of open doors and missing keys the warnings speak to hosts on a network; here the command line decides.
        builder.Logging.AddFilter(typeof(KeyRing).Namespace, LogLevel.Error);

        builder.AddStorage();
        builder.AddApi();
        if (!IPAddress.IsLoopback(command.Listen)) builder.Services.AddHostedService<KeyBeforeListening>();
        builder.AddWorker();
        builder.AddInference();

        WebApplication app = builder.Build();
        app.MapApi();
        app.MapInference();
        return app;
    }

    /// <summary>The command line as configuration. On the loopback address, and only there, no key is needed.</summary>
    internal static Dictionary<string, string?> SettingsOf(CommandLine command)
    {
        string data = Path.GetFullPath(command.DataFolder);
        return new()
        {
            ["Storage:Provider"] = nameof(StorageProvider.Sqlite),
            ["Storage:ConnectionString"] = $"Data Source={Path.Combine(data, "training.db")}",
            ["Storage:FilesFolder"] = Path.Combine(data, "files"),
            ["Storage:ModelsFolder"] = Path.GetFullPath(command.ModelsFolder),
            ["Storage:SamplesFolder"] = SamplesFolder,
            ["Api:AllowAnonymous"] = IPAddress.IsLoopback(command.Listen) ? "true" : "false",
        };
    }

    /// <summary>Folder of the sample model and files, beside the program.</summary>
    internal static string SamplesFolder => Path.Combine(AppContext.BaseDirectory, "samples");

    /// <summary>Where the running service listens.</summary>
    internal static Uri AddressOf(WebApplication app)
    {
        string address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        return new(address.Replace("127.0.0.1", "localhost", StringComparison.Ordinal));
    }

    /// <summary>Says where things are.</summary>
    internal static void Welcome(WebApplication app, CommandLine command)
    {
        Uri address = AddressOf(app);
        Console.WriteLine($"The training service listens on {address.GetLeftPart(UriPartial.Authority)}; stop it with Ctrl+C.");
        Console.WriteLine($"  Swagger UI  {new Uri(address, "/swagger")}");
        Console.WriteLine($"  Data        {Path.GetFullPath(command.DataFolder)}");
        Console.WriteLine($"  Models      {Path.GetFullPath(command.ModelsFolder)}{(Directory.Exists(command.ModelsFolder) ? "" : " (not there yet)")}");
        foreach (ModelSource model in app.Services.GetRequiredService<ModelFolder>().List())
            Console.WriteLine($"    {model.Id}");
    }
}
