using System.Globalization;
using System.Text;
using System.Text.Json;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;

namespace TrainingService.Worker.Results;

/// <summary>The README.md beside an adapter, with the front matter that the Hugging Face Hub reads.</summary>
internal static class ModelCard
{
    /// <summary>Name of the picture beside the card.</summary>
    public const string CurvesFile = "curves.svg";

    private const int MostEvaluations = 20;
    private static readonly JsonSerializerOptions s_indented = new() { WriteIndented = true };

    /// <param name="name">Name of the tuned model.</param>
    /// <param name="baseModel">Id of the base model.</param>
    /// <param name="recipe">The settings.</param>
    /// <param name="data">The files, as <see cref="Describe"/> says them.</param>
    /// <param name="logs">The run so far.</param>
    public static string Of(string name, string baseModel, TrainingRecipe recipe, string data, IReadOnlyList<StepMetrics> logs) => $"""
        ---
        base_model: {baseModel}
        library_name: peft
        pipeline_tag: text-generation
        tags:
        - {WireNames.Of(recipe.Method)}
        - lora
        ---
        # {name}

        A LoRA adapter of `{baseModel}`, trained by {Papers.Describe(recipe)}.

        ## Data

        {data}

        ## Training

        ![loss and rewards over the steps]({CurvesFile})

        {Evaluations(logs)}

        ## Loading

        {Loading(baseModel, recipe.Lora)}

        ## Settings

        ```json
        {TrainingArguments.Of(recipe, baseModel).ToJsonString(s_indented)}
        ```

        """;

    /// <summary>A file and what became of its rows, as an item of a list in Markdown.</summary>
    public static string Describe(HashedFile file, IEnumerable<string> findings) =>
        string.Join('\n', findings.Select(f => $"  - {f}").Prepend($"- `{file.Name}` ({file.Id}, {file.Bytes} bytes, sha256 `{file.Sha256}`)"));

    private static string Evaluations(IReadOnlyList<StepMetrics> logs)
    {
        StepMetrics[] evaluations = [.. logs.Where(m => m.Split == MetricSplit.Eval)];
        if (evaluations.Length == 0) return "There were no validation rows.";
        string[] names = [.. new[] { MetricNames.Loss, MetricNames.RewardsMargins, MetricNames.RewardsAccuracies, MetricNames.RewardsChosen, MetricNames.RewardsRejected, MetricNames.MeanTokenAccuracy, MetricNames.Kl }
            .Where(n => evaluations.Any(m => m.Values.ContainsKey(n)))];
        var table = new StringBuilder("Evaluation on the validation rows");
        table.Append(evaluations.Length > MostEvaluations ? $", the newest {MostEvaluations} of {evaluations.Length}:\n\n" : ":\n\n");
        table.Append($"| step | epoch | {string.Join(" | ", names)} |\n|{string.Concat(Enumerable.Repeat("---|", names.Length + 2))}\n");
        foreach (StepMetrics evaluation in evaluations.TakeLast(MostEvaluations))
            table.Append(CultureInfo.InvariantCulture, $"| {evaluation.Step} | {evaluation.Epoch:0.##} | {string.Join(" | ", names.Select(n => evaluation.Values.TryGetValue(n, out double value) ? value.ToString("0.0000", CultureInfo.InvariantCulture) : ""))} |\n");
        return table.ToString().TrimEnd();
    }

    private static string Loading(string baseModel, LoraRecipe lora)
    {
        const string fence = "```";
        string vllm = lora.UseDora || lora.ModulesToSave.Count > 0
            ? "vLLM loads no adapters with DoRA or modules_to_save: merge this one into its base first (`model.merge_and_unload()`)."
            : $"{fence}sh\nvllm serve {baseModel} --enable-lora --max-lora-rank {Math.Max(lora.Rank, lora.RankPattern.Values.DefaultIfEmpty(0).Max())} --lora-modules tuned=path/to/this/folder\n{fence}";
        string llama = lora.UseDora || lora.UseRsLora || lora.AlphaPattern.Count > 0 || lora.ModulesToSave.Count > 0
            ? "llama.cpp scales adapters by lora_alpha / r alone, which is not this one's: merge it into its base first."
            : $"{fence}sh\npython convert_lora_to_gguf.py --base path/to/base path/to/this/folder --outfile adapter.gguf\nllama-cli -m base.gguf --lora adapter.gguf\n{fence}";
        return $"""
            PEFT:

            {fence}python
            from peft import AutoPeftModelForCausalLM
            model = AutoPeftModelForCausalLM.from_pretrained("path/to/this/folder")
            {fence}

            vLLM:

            {vllm}

            llama.cpp:

            {llama}
            """;
    }
}
