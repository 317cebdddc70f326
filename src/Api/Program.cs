using TrainingService.Api.Hosting;
using TrainingService.Storage.Hosting;
using TrainingService.Storage.Keys;

if (args is ["keys", .. string[] command]) return await KeyCommand.RunAsync(command, []);

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddStorage();
builder.AddApi();

WebApplication app = builder.Build();
app.MapApi();
app.Run();
return 0;
