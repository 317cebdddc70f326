using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using TrainingService.Api.Hosting;
using TrainingService.Inference.Hosting;
using TrainingService.Storage.Hosting;
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
        string data = Path.GetFullPath(command.DataFolder);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Storage:Provider"] = nameof(StorageProvider.Sqlite),
            ["Storage:ConnectionString"] = $"Data Source={Path.Combine(data, "training.db")}",
            ["Storage:FilesFolder"] = Path.Combine(data, "files"),
            ["Storage:ModelsFolder"] = Path.GetFullPath(command.ModelsFolder),
            ["Storage:SamplesFolder"] = SamplesFolder,
        });
        // Nobody but this machine: there are no keys yet.
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, command.Port));
        builder.Logging.SetMinimumLevel(LogLevel.Warning);

        builder.AddStorage();
        builder.AddApi();
        builder.AddWorker();
        builder.AddInference();

        WebApplication app = builder.Build();
        app.MapApi();
        app.MapInference();
        return app;
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
