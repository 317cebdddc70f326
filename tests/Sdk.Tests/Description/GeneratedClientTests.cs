using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using NJsonSchema.CodeGeneration.CSharp;
using NSwag;
using NSwag.CodeGeneration.CSharp;

namespace TrainingService.Sdk.Tests.Description;

/// <summary>A typed client that NSwag generates from the API's description compiles, and does the main job.</summary>
public sealed class GeneratedClientTests(RunningService service)
{
    // What a user of the generated client writes: every name in it comes from the description.
    private const string MainJob = """
        using System.IO;
        using System.Linq;
        using System.Net.Http;
        using System.Threading.Tasks;

        namespace Generated;

        public partial class TrainingClient
        {
            // null is a value of some settings ("no limit"), so what is not set is left out.
            static partial void UpdateJsonSerializerSettings(System.Text.Json.JsonSerializerOptions settings) =>
                settings.DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull;
        }

        public static class MainJob
        {
            public static async Task<byte[]> RunAsync(HttpClient http, string path)
            {
                var client = new TrainingClient(http);
                using FileStream rows = File.OpenRead(path);
                FileObject file = await client.CreateFileAsync(file: new FileParameter(rows, Path.GetFileName(path)), purpose: "fine-tune");
                JobObject job = await client.CreateJobAsync(body: new CreateJobRequest
                {
                    Model = "demo-model",
                    Training_file = file.Id,
                    Suffix = "generated",
                    Method = new CreateJobMethod
                    {
                        Type = "dpo",
                        Dpo = new CreateJobDpo
                        {
                            Hyperparameters = new DpoHyperparameters { Beta = 0.3, Batch_size = 4, Max_steps = 3, Logging_steps = 1, Max_length = 128, Dtype = "float32" },
                            Lora = new Lora { R = 4, Target_modules = new[] { "q_proj" } },
                        },
                    },
                });
                while (job.Status is "validating_files" or "queued" or "running")
                {
                    await Task.Delay(100);
                    job = await client.GetJobAsync(job.Id);
                }
                if (job.Status != "succeeded") throw new InvalidDataException(job.Status + ": " + job.Error?.Message);
                MetricObjectListPage metrics = await client.ListMetricsAsync(job.Id, split: "train");
                if (!metrics.Data.Select(m => m.Step).SequenceEqual(new[] { 1, 2, 3 })) throw new InvalidDataException("metrics");
                EventObjectListPage events = await client.ListEventsAsync(job.Id, limit: 2);
                if (events.Data.Count != 2 || !events.Has_more) throw new InvalidDataException("events");
                using FileResponse adapter = await client.GetJobAdapterAsync(job.Id);
                using var bytes = new MemoryStream();
                await adapter.Stream.CopyToAsync(bytes);
                return bytes.ToArray();
            }

            public static async Task<string> AskForNothingAsync(HttpClient http)
            {
                try
                {
                    await new TrainingClient(http).GetJobAsync("ftjob-nobody");
                    return "";
                }
                catch (ApiException<ErrorResponse> e)
                {
                    return e.Result.Error.Message;
                }
            }
        }
        """;

    [Fact]
    public async Task GeneratedClient_CompilesAndRunsTheMainJob()
    {
        using HttpClient http = service.Http();
        Assembly generated = Compile(Generate(await OpenApiDocument.FromJsonAsync(await http.GetStringAsync("/swagger/v1/swagger.json"))), MainJob);
        Type mainJob = generated.GetType("Generated.MainJob", throwOnError: true)!;

        byte[] adapter = await (Task<byte[]>)mainJob.GetMethod("RunAsync")!.Invoke(null, [http, Samples.Training])!;

        Assert.Equal("PK"u8, adapter.AsSpan(0, 2));
        Assert.Equal("No such FineTuningJob object: ftjob-nobody", await (Task<string>)mainJob.GetMethod("AskForNothingAsync")!.Invoke(null, [http])!);
    }

    private static string Generate(OpenApiDocument document) => new CSharpClientGenerator(document, new CSharpClientGeneratorSettings
    {
        ClassName = "TrainingClient",
        UseBaseUrl = false,
        GenerateOptionalParameters = true,
        CSharpGeneratorSettings = { Namespace = "Generated", JsonLibrary = CSharpJsonLibrary.SystemTextJson },
    }).GenerateFile();

    private static Assembly Compile(params string[] sources)
    {
        // What this test itself runs on.
        string[] platform = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator);
        CSharpCompilation compilation = CSharpCompilation.Create("Generated", sources.Select(s => CSharpSyntaxTree.ParseText(s)),
            platform.Select(path => MetadataReference.CreateFromFile(path)), new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using var assembly = new MemoryStream();
        var result = compilation.Emit(assembly);
        Assert.True(result.Success, string.Join('\n', result.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(20)));
        return Assembly.Load(assembly.ToArray());
    }
}
