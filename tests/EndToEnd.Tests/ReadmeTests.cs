using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using TrainingService.Domain.Recipes;
using TrainingService.Tests;

namespace TrainingService.EndToEnd.Tests;

/// <summary>README says what is so.</summary>
public partial class ReadmeTests(ITestOutputHelper output)
{
    private static readonly string s_readme = File.ReadAllText(RepositoryRoot.PathOf("README.md"));

    [Fact]
    public void SettingsTable_IsTheRecipesFields()
    {
        string expected = SettingsTable();
        string actual = s_readme[(s_readme.IndexOf("<!-- settings -->", StringComparison.Ordinal) + "<!-- settings -->".Length)..s_readme.IndexOf("<!-- /settings -->", StringComparison.Ordinal)].Trim();
        if (expected != actual) output.WriteLine($"Put this between the settings marks of README.md:\n{expected}");
        Assert.Equal(expected, actual);
    }

    [Fact]
    public async Task CurlCommands_RunTheMainJob()
    {
        string data = Directory.CreateTempSubdirectory("readme-").FullName;
        await using FakeHub hub = await FakeHub.StartAsync();
        hub.AddFolder("HuggingFaceTB/SmolLM2-135M-Instruct", RepositoryRoot.PathOf("samples", "demo-model"));
        await using HostProcess service = await HostProcess.StartAsync("Standalone", [new("HF_ENDPOINT", hub.Endpoint.AbsoluteUri)], "--data", data, "--models", data, "--port", "0");
        List<string> commands = [.. CodeBlocks().Matches(s_readme).SelectMany(m => Commands(m.Groups[1].Value)).Where(c => c.StartsWith("curl", StringComparison.Ordinal))];
        Assert.Equal(12, commands.Count);

        string train = Id(await RunAsync(commands[0])), validation = Id(await RunAsync(commands[1]));
        string job = Id(await RunAsync(commands[2].Replace("file-TRAIN", train, StringComparison.Ordinal).Replace("file-VALIDATION", validation, StringComparison.Ordinal)));
        Assert.Contains("\"status\"", await RunAsync(Of(commands[3])));
        Assert.Contains("\"list\"", await RunAsync(Of(commands[4])));
        string events = await RunAsync(Of(commands[5]));
        Assert.Contains("\"status\":\"succeeded\"", events[events.LastIndexOf("event: status", StringComparison.Ordinal)..], StringComparison.Ordinal);
        await RunAsync(Of(commands[6]));
        Assert.Equal("PK"u8, File.ReadAllBytes(Path.Combine(data, "adapter.zip")).AsSpan(0, 2));
        string name = JsonDocument.Parse(await RunAsync(Of(commands[3]))).RootElement.GetProperty("fine_tuned_model").GetString()!;
        string answer = await RunAsync(commands[7].Replace("ft:demo-model:local:concise:ID", name, StringComparison.Ordinal));
        Assert.Contains("owl hoots", answer, StringComparison.Ordinal);
        Assert.Contains("whsec_", await RunAsync(commands[8]), StringComparison.Ordinal);
        Assert.Contains("\"downloading\"", await RunAsync(commands[9]), StringComparison.Ordinal);
        Assert.Contains("\"status\":\"ready\"", await RunAsync(commands[10]), StringComparison.Ordinal);
        Assert.Contains("\"trainable\":true", await RunAsync(commands[11]), StringComparison.Ordinal);
        await service.DisposeAsync();
        Directory.Delete(data, recursive: true);

        string Of(string command) => command.Replace("ftjob-ID", job, StringComparison.Ordinal);

        async Task<string> RunAsync(string command)
        {
            command = command.Replace("http://localhost:5080", service.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)
                .Replace("@samples/", $"@{RepositoryRoot.PathOf("samples")}/", StringComparison.Ordinal);
            using Process bash = Process.Start(new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, WorkingDirectory = data })!;
            string printed = await bash.StandardOutput.ReadToEndAsync();
            await bash.WaitForExitAsync();
            Assert.True(bash.ExitCode == 0 && !printed.Contains("\"error\":{", StringComparison.Ordinal), $"{command}\n{printed}");
            return printed;
        }

        static string Id(string json) => JsonDocument.Parse(json).RootElement.GetProperty("id").GetString()!;
    }

    /// <summary>Commands of a code block: a line each, or more while a quote is open.</summary>
    private static IEnumerable<string> Commands(string block)
    {
        var command = new StringBuilder();
        foreach (string line in block.Split('\n'))
        {
            command.Append(command.Length == 0 ? "" : "\n").Append(line);
            if (command.ToString().Count(c => c == '\'') % 2 != 0) continue;
            if (command.Length > 0) yield return command.ToString();
            command.Clear();
        }
    }

    /// <summary>One line a setting and default; the methods that have it where not all do.</summary>
    private static string SettingsTable()
    {
        var table = new StringBuilder("| setting | methods | default | allowed | |\n|---|---|---|---|---|\n");
        TrainingMethod[] methods = Enum.GetValues<TrainingMethod>();
        var recipe = new TrainingRecipe();
        foreach (var setting in methods.SelectMany(m => RecipeFields.Hyperparameters(m).Select(f => (Method: m, Field: f)))
            .GroupBy(s => (s.Field.Name, s.Field.Allowed, s.Field.Description)))
        {
            TrainingMethod[] own = [.. setting.Select(s => s.Method)];
            Append(setting.First().Field, own.Length == methods.Length ? "all" : string.Join(", ", own.Select(WireNames.Of)));
        }
        foreach (RecipeField field in RecipeFields.Lora) Append(field, "all");
        return table.ToString().Trim();

        void Append(RecipeField field, string own) =>
            table.Append($"| `{field.Name}` | {own} | `{field.Write(recipe)?.ToJsonString() ?? "null"}` | {field.Allowed} | {field.Description} |\n");
    }

    [GeneratedRegex("```sh\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlocks();
}
