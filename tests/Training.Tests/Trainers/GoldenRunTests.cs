using System.Text;
using System.Text.Json;
using TorchSharp;
using TrainingService.Datasets.Formats;
using TrainingService.Datasets.Preparation;
using TrainingService.Datasets.Templates;
using TrainingService.Datasets.Tokenization;
using TrainingService.Domain.Metrics;
using TrainingService.Domain.Recipes;
using TrainingService.Training.Adapters;
using TrainingService.Training.Checkpoints;
using TrainingService.Training.Models;
using TrainingService.Training.Modules;
using TrainingService.Training.Trainers;
using static TorchSharp.torch;

namespace TrainingService.Training.Tests.Trainers;

/// <summary>Every run of TRL in tests/golden/training, repeated: each metric of each step, and the adapter that comes out.</summary>
public class GoldenRunTests(ITestOutputHelper output)
{
    public static TheoryData<string> Runs => [.. Directory.GetDirectories(Golden.Path("training"))
        .Where(d => File.Exists(Path.Combine(d, "run.json"))).Select(d => Path.GetFileName(d)!).Order()];

    /// <summary>The second pair of family_gemma3_text's first step has a margin of one unit of float32 in sums near 281: a tie.</summary>
    private static readonly (string Run, int Step, string Metric) s_tie = ("family_gemma3_text", 1, "rewards/accuracies");

    /// <summary>
    /// Elements of an adapter that rounding decides: one of family_gemma's has a first gradient of 8e-9 in a norm of 1, the
    /// size of AdamW's epsilon, so that its first step is anything up to the learning rate.
    /// </summary>
    private static readonly Dictionary<string, int> s_roundedElements = new() { ["family_gemma"] = 1 };

    [Theory]
    [MemberData(nameof(Runs))]
    public void Metrics_AreTrls(string name)
    {
        using var folder = new TemporaryFolder();
        JsonElement run = Golden.Json(Golden.Path("training", name, "run.json"));
        using Trainer trainer = new(RunOf(name, run, folder.Path), TimeProvider.System);
        var observer = new RecordingObserver();

        Assert.Equal(TrainingOutcome.Completed, trainer.Run(observer));

        Assert.Equal(run.GetProperty("steps").GetInt32(), trainer.TotalSteps);
        List<JsonElement> logs = [.. run.GetProperty("log").EnumerateArray().Where(l => !l.TryGetProperty("train_loss", out _))];
        Assert.Equal(logs.Count, observer.Metrics.Count);
        double largest = 0;
        string where = "";
        List<string> wrong = [];
        for (int i = 0; i < logs.Count; i++)
        {
            StepMetrics metrics = observer.Metrics[i];
            Assert.Equal(logs[i].GetProperty("step").GetInt32(), metrics.Step);
            Assert.Equal(logs[i].GetProperty("epoch").GetDouble(), metrics.Epoch, 1e-6);
            foreach (JsonProperty property in logs[i].EnumerateObject())
            {
                string metric = property.Name.StartsWith("eval_", StringComparison.Ordinal) ? property.Name[5..] : property.Name;
                if (metric is "step" or "epoch" or "runtime" or "samples_per_second" or "steps_per_second" || (name, metrics.Step, metric) == s_tie || IsOfPadding(run, metric)) continue;
                double expected = property.Value.GetDouble();
                double actual = Assert.Contains(metric, metrics.Values), differ = Math.Abs(actual - expected), relative = differ / Math.Max(Math.Abs(expected), 1e-2);
                if (relative > largest) (largest, where) = (relative, $"step {metrics.Step} {property.Name} {actual} for {expected}");
                if (differ > 1e-5 && differ > 1e-3 * Math.Abs(expected)) wrong.Add($"step {metrics.Step} {property.Name}: {actual} for {expected}");
            }
        }
        string adapterFolder = Path.Combine(folder.Path, "final");
        trainer.SaveAdapter(adapterFolder);
        double adapterDiffer = AdapterDifference(Path.Combine(adapterFolder, "adapter_model.safetensors"), Golden.Path("training", name, "final_adapter.safetensors"), s_roundedElements.GetValueOrDefault(name));
        output.WriteLine($"{name}: largest relative difference {largest:g3} ({where}); adapter differs by {adapterDiffer:g3}");
        Assert.Empty(wrong);
        Assert.InRange(adapterDiffer, 0, 1e-4);
    }

    public static TheoryData<string> RunsOfPadding => [.. Runs.Select(r => r.Data).Where(name => IsOfPadding(Golden.Json(Golden.Path("training", name, "run.json")), MetricNames.LogitsChosen))];

    /// <summary>What TRL's ORPO and CPO log as logits: the mean of the padded batch at each step's start, by the policy as it is trained here.</summary>
    [Theory]
    [MemberData(nameof(RunsOfPadding))]
    public void MeanLogitsOfThePaddedBatch_AreTrls(string name)
    {
        using var folder = new TemporaryFolder();
        JsonElement run = Golden.Json(Golden.Path("training", name, "run.json"));
        TrainerRun ours = RunOf(name, run, folder.Path);
        using Trainer trainer = new(ours, TimeProvider.System);
        List<string> adapters = [ours.AdapterFolder!];
        trainer.Run(new RecordingObserver
        {
            WhenStep = () =>
            {
                adapters.Add(Path.Combine(folder.Path, $"after-{adapters.Count}"));
                trainer.SaveAdapter(adapters[^1]);
            },
        });

        List<JsonElement> logs = [.. run.GetProperty("log").EnumerateArray().Where(l => !l.TryGetProperty("train_loss", out _))];
        Assert.Equal(logs.Count, adapters.Count - 1);
        using CausalLanguageModel model = CausalLanguageModel.Load(ours.ModelFolder, ComputeType.Float32);
        double largest = 0;
        foreach ((JsonElement log, string adapterFolder, TokenizedPair[] batch) in logs.Zip(adapters, ours.Train.Cast<TokenizedPair>().Chunk(ours.Recipe.BatchSize)))
        {
            using LoraAdapter adapter = PeftFiles.Load(adapterFolder, model.Adaptable);
            double[] means = PaddedMeanLogits(model, adapter, ours.Recipe.Method, [.. batch.Select(p => p.PromptIds.Concat(p.ChosenIds).ToArray()), .. batch.Select(p => p.PromptIds.Concat(p.RejectedIds).ToArray())]);
            foreach ((string metric, double actual) in new[] { (MetricNames.LogitsChosen, means[..batch.Length].Average()), (MetricNames.LogitsRejected, means[batch.Length..].Average()) })
            {
                double expected = log.GetProperty(metric).GetDouble(), differ = Math.Abs(actual - expected);
                largest = Math.Max(largest, differ / Math.Abs(expected));
                Assert.True(differ <= 1e-5 || differ <= 1e-3 * Math.Abs(expected), $"step {log.GetProperty("step")} {metric}: {actual} for {expected}");
            }
        }
        output.WriteLine($"{name}: largest relative difference {largest:g3}");
    }

    /// <summary>Each text's mean logit over vocabulary and positions, padded to the longest one; TRL's ORPOTrainer leaves out the last position, its CPOTrainer does not.</summary>
    private static double[] PaddedMeanLogits(CausalLanguageModel model, LoraAdapter adapter, TrainingMethod method, int[][] texts)
    {
        using DisposeScope scope = NewDisposeScope();
        using var _ = no_grad();
        using var tape = new Tape(records: false);
        int width = texts.Max(t => t.Length), padding = ModelTokenizer.Load(Golden.Path("training", "model")).PadId!.Value;
        Tensor ids = tensor(texts.SelectMany(t => t.Concat(Enumerable.Repeat(padding, width - t.Length))).Select(id => (long)id).ToArray());
        Tensor positions = arange(width).repeat(texts.Length);
        Activation hidden = model.Norm(tape, model.Forward(tape, ids, positions, new PaddedAttention([.. texts.Select(t => t.Length)], width), adapter));
        Tensor meanLogit = model.Head.Forward(hidden.Value, ids, HeadOutputs.Metrics, adapter).Statistics.MeanLogit!;
        return [.. meanLogit.view(texts.Length, width).narrow(1, 0, method == TrainingMethod.Orpo ? width - 1 : width).mean([1]).to_type(ScalarType.Float64).data<double>()];
    }

    /// <summary>
    /// TRL's ORPO and CPO average these over all positions of the padded batch, prompts and padding among them, which
    /// <see cref="MeanLogitsOfThePaddedBatch_AreTrls"/> repeats; here they are of completions, as in TRL's other trainers.
    /// </summary>
    private static bool IsOfPadding(JsonElement run, string metric) =>
        metric.StartsWith("logits/", StringComparison.Ordinal) && MethodOf(run) is TrainingMethod.Orpo or TrainingMethod.Cpo;

    private static TrainingMethod MethodOf(JsonElement run) => (run.TryGetProperty("trainer", out JsonElement trainer) ? trainer.GetString() : null) switch
    {
        null => TrainingMethod.Dpo,
        "KTOTrainer" => TrainingMethod.Kto,
        "ORPOTrainer" => TrainingMethod.Orpo,
        "CPOTrainer" => TrainingMethod.Cpo,
        "SFTTrainer" => TrainingMethod.Supervised,
        var other => throw new ArgumentException($"There is no method for TRL's {other}.", nameof(run)),
    };

    /// <summary>The run that a run.json asks for, starting from its initial adapter with the base model as reference.</summary>
    internal static TrainerRun RunOf(string name, JsonElement run, string folder)
    {
        JsonElement lora = run.GetProperty("lora"), arguments = run.GetProperty("arguments");
        string start = Path.Combine(folder, "initial");
        Directory.CreateDirectory(start);
        File.Copy(Golden.Path("training", name, "initial_adapter.safetensors"), Path.Combine(start, "adapter_model.safetensors"));
        File.WriteAllText(Path.Combine(start, "adapter_config.json"), $"{{\"peft_type\": \"LORA\", {lora.GetRawText()[1..]}");
        TrainingMethod method = MethodOf(run);
        TrainingRecipe recipe = new()
        {
            Method = method,
            ComputeType = ComputeType.Float32,
            Reference = ReferencePolicy.Base,
            SamplingStrategy = SamplingStrategy.Sequential,
            SaveStrategy = IntervalStrategy.No,
            BatchSize = arguments.GetProperty("per_device_train_batch_size").GetInt32(),
            LearningRate = arguments.GetProperty("learning_rate").GetDouble(),
            Epochs = arguments.GetProperty("num_train_epochs").GetInt32(),
            LoggingSteps = arguments.GetProperty("logging_steps").GetInt32(),
            Beta = Number("beta", 0.1),
            GradientAccumulationSteps = (int)Number("gradient_accumulation_steps", 1),
            MaxSteps = arguments.TryGetProperty("max_steps", out JsonElement steps) ? steps.GetInt32() : null,
            LossTypes = method == TrainingMethod.Dpo && arguments.TryGetProperty("loss_type", out JsonElement losses) ? [.. losses.EnumerateArray().Select(l => WireNames.Parse<LossType>(l.GetString())!.Value)] : [LossType.Sigmoid],
            LossWeights = arguments.TryGetProperty("loss_weights", out JsonElement weights) ? [.. weights.EnumerateArray().Select(w => w.GetDouble())] : null,
            KtoLossType = method == TrainingMethod.Kto ? WireNames.Parse<KtoLossType>(Text("loss_type")) ?? KtoLossType.Kto : KtoLossType.Kto,
            DesirableWeight = Number("desirable_weight", 1),
            UndesirableWeight = Number("undesirable_weight", 1),
            CpoLossType = method == TrainingMethod.Cpo ? WireNames.Parse<CpoLossType>(Text("loss_type")) ?? CpoLossType.Sigmoid : CpoLossType.Sigmoid,
            CpoAlpha = Number("cpo_alpha", 1),
            SimpoGamma = Number("simpo_gamma", 0.5),
            LabelSmoothing = Number("label_smoothing", 0),
            FDivergenceType = WireNames.Parse<FDivergenceType>(Text("f_divergence_type")) ?? FDivergenceType.ReverseKl,
            UseWeighting = arguments.TryGetProperty("use_weighting", out JsonElement weighting) && weighting.GetBoolean(),
            LdAlpha = arguments.TryGetProperty("ld_alpha", out JsonElement alpha) ? alpha.GetDouble() : null,
            LearningRateSchedule = WireNames.Parse<LearningRateSchedule>(Text("lr_scheduler_type")) ?? LearningRateSchedule.Linear,
            WarmupSteps = Number("warmup_steps", 0),
            WeightDecay = Number("weight_decay", 0),
            MaxGradNorm = Number("max_grad_norm", 1),
            EvalStrategy = WireNames.Parse<IntervalStrategy>(Text("eval_strategy")) ?? IntervalStrategy.No,
            EvalSteps = arguments.TryGetProperty("eval_steps", out JsonElement evalSteps) ? evalSteps.GetInt32() : null,
        };
        bool family = name.StartsWith("family_", StringComparison.Ordinal);
        return new TrainerRun
        {
            ModelFolder = family ? Golden.Path("families", name["family_".Length..]) : Golden.Path("training", "model"),
            AdapterFolder = start,
            BaseModelName = "base",
            Recipe = recipe,
            Train = Rows(method, run.GetProperty("tokens"), arguments.GetProperty("max_length").GetInt32()),
            Validation = recipe.EvalStrategy == IntervalStrategy.No ? null : EvaluationPairs(),
        };

        double Number(string field, double otherwise) => arguments.TryGetProperty(field, out JsonElement value) ? value.GetDouble() : otherwise;
        string? Text(string field) => arguments.TryGetProperty(field, out JsonElement value) ? value.GetString() : null;
    }

    /// <summary>The largest difference of two adapters' elements, but for so many.</summary>
    internal static double AdapterDifference(string actual, string expected, int exceptions = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        using var a = new SafetensorsReader(actual);
        using var e = new SafetensorsReader(expected);
        Assert.Equal(e.Names.Select(PeftsName).Order(), a.Names.Order());
        Tensor differences = cat([.. e.Names.Select(n => (a.Read(PeftsName(n)) - e.Read(n)).abs().view(-1))]);
        return differences.topk(exceptions + 1).values[-1].item<float>();
    }

    /// <summary>The runs' files name tensors as a module's state does; PEFT's files leave out "modules_to_save." and the magnitude's ".weight".</summary>
    internal static string PeftsName(string name) => name.Replace(".modules_to_save.", ".").Replace("lora_magnitude_vector.weight", "lora_magnitude_vector");

    private static IReadOnlyList<TokenizedPair> EvaluationPairs()
    {
        string rows = string.Join('\n', Golden.Json(Golden.Path("training", "rows.json")).GetProperty("eval").EnumerateArray().Select(r => r.GetRawText().ReplaceLineEndings("")));
        ModelTokenizer tokenizer = ModelTokenizer.Load(Golden.Path("training", "model"));
        var preparer = new RowPreparer(tokenizer, ChatTemplate.Load(Golden.Path("training", "model"), tokenizer), new PreparationOptions(1024, null));
        return [.. preparer.Prepare(TrainingFile.Read(new MemoryStream(Encoding.UTF8.GetBytes(rows))), CancellationToken.None).Rows.Cast<TokenizedPair>()];
    }

    // TRL cuts in its collator, so that the runs hold the ids uncut.
    private static List<TokenizedPair> Cut(List<TokenizedPair> pairs, int maxLength) => [.. pairs.Where(p => p.PromptIds.Length < maxLength).Select(p => p with
    {
        ChosenIds = [.. p.ChosenIds.Take(maxLength - p.PromptIds.Length)],
        RejectedIds = [.. p.RejectedIds.Take(maxLength - p.PromptIds.Length)],
    })];

    private static List<TokenizedPair> Pairs(JsonElement tokens) => [.. tokens.EnumerateArray().Select((row, i) =>
        new TokenizedPair(i + 1, Ids(row, "prompt_ids"), Ids(row, "chosen_ids"), Ids(row, "rejected_ids")))];

    private static IReadOnlyList<TokenizedRow> Rows(TrainingMethod method, JsonElement tokens, int maxLength) => method switch
    {
        TrainingMethod.Kto => [.. tokens.EnumerateArray().Select((row, i) => new TokenizedExample(i + 1, Ids(row, "prompt_ids"), Ids(row, "completion_ids"), row.GetProperty("label").GetBoolean()))],
        TrainingMethod.Supervised => [.. tokens.EnumerateArray().Select((row, i) => new TokenizedSequence(i + 1, Ids(row, "input_ids"), [.. Ids(row, "labels").Select(l => l >= 0)]))],
        TrainingMethod.Orpo or TrainingMethod.Cpo => [.. tokens.EnumerateArray().Select((row, i) =>
        {
            int prompt = Ids(row, "chosen_labels").TakeWhile(l => l < 0).Count();
            return new TokenizedPair(i + 1, Ids(row, "chosen_input_ids")[..prompt], Ids(row, "chosen_input_ids")[prompt..], Ids(row, "rejected_input_ids")[prompt..]);
        })],
        _ => Cut(Pairs(tokens), maxLength),
    };

    private static int[] Ids(JsonElement row, string name) => [.. row.GetProperty(name).EnumerateArray().Select(t => t.GetInt32())];
}
