using TrainingService.Inference.Hosting;
using TrainingService.Storage.Hosting;
using TrainingService.Worker.Hosting;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.AddStorage();
builder.AddWorker();
builder.AddInference();

WebApplication app = builder.Build();
app.MapWorker();
app.MapInference();
app.Run();
