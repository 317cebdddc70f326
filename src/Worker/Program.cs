using TrainingService.Storage.Hosting;
using TrainingService.Worker.Hosting;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddStorage();
builder.AddWorker();

WebApplication app = builder.Build();
app.MapWorker();
app.Run();
