using TrainingService.Api.Hosting;
using TrainingService.Storage.Hosting;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddStorage();
builder.AddApi();

WebApplication app = builder.Build();
app.MapApi();
app.Run();
