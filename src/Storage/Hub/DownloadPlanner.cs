using System.Text.Json;
using TrainingService.Domain.Models;
using TrainingService.Storage.Models;

namespace TrainingService.Storage.Hub;

/// <summary>Looks at a model on the Hub before a byte of its weights is fetched: everything that can be refused is refused here.</summary>
/// <param name="hub">The Hub.</param>
/// <param name="folders">The models there are, among them an adapter's base.</param>
public sealed class DownloadPlanner(HubClient hub, ModelFolder folders)
{
    private const int LongestJson = 64 << 20;

    /// <summary>What to fetch for a model.</summary>
    /// <exception cref="HubException">It cannot be had, or could not be used.</exception>
    public async Task<DownloadPlan> PlanAsync(string model, string revision, CancellationToken cancellationToken)
    {
        HubRepository repository = await hub.FindAsync(model, revision, cancellationToken);
        byte[]? index = repository.Find(NeededFiles.Index) is { } file ? await hub.ReadAsync(repository, file, LongestJson, cancellationToken) : null;
        DownloadPlan plan = new(repository, NeededFiles.Of(repository, index));

        // This also tells whether the files of a gated model open: its listing always does.
        if (NeededFiles.IsAdapter(repository)) await RequireBaseAsync(repository, cancellationToken);
        else if (ModelSupport.Problem(await ReadJsonAsync(repository, "config.json", cancellationToken)) is { } problem)
            throw new HubException(HubErrorCodes.UnsupportedModel, $"{repository.Model} cannot be used here: {problem}");
        return plan;
    }

    private async Task RequireBaseAsync(HubRepository adapter, CancellationToken cancellationToken)
    {
        JsonElement config = await ReadJsonAsync(adapter, "adapter_config.json", cancellationToken);
        string? model = config.ValueKind == JsonValueKind.Object && config.TryGetProperty("base_model_name_or_path", out JsonElement name) && name.ValueKind == JsonValueKind.String ? name.GetString() : null;
        if (model is null) throw new HubException(HubErrorCodes.UnsupportedModel, $"adapter_config.json of {adapter.Model} does not say in base_model_name_or_path which model it adapts.");
        if (folders.Find(model) is not { BaseId: null })
            throw new HubException(HubErrorCodes.UnsupportedModel, $"{adapter.Model} is an adapter of {model}, which is not in the models folder. Get that model first.");
    }

    private async Task<JsonElement> ReadJsonAsync(HubRepository repository, string name, CancellationToken cancellationToken)
    {
        HubFile file = repository.Find(name) ?? throw new HubException(HubErrorCodes.UnsupportedModel, $"{repository.Model} has no {name}: it holds no model in Hugging Face's form.");
        try
        {
            using JsonDocument json = JsonDocument.Parse(await hub.ReadAsync(repository, file, LongestJson, cancellationToken), new() { AllowTrailingCommas = true });
            return json.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw new HubException(HubErrorCodes.UnsupportedModel, $"{name} of {repository.Model} is not JSON: {e.Message}", e);
        }
    }
}
