using System.Text.Json.Serialization;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The result of <see cref="LensTrainJob"/>; exactly one of its two parts is set.</summary>
public sealed record LensTrainResult
{
    /// <summary>The result of a training.</summary>
    public LensTrainedResult? Trained { get; init; }

    /// <summary>The memory plan of a training.</summary>
    public LensPlanResult? Plan { get; init; }
}

/// <summary>The lens of one layer in the folder.</summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Step">Step with the best validation so far.</param>
/// <param name="ValidationKl">Mean KL from the model to the lens on held-out texts, nats; null if none were
/// held out.</param>
/// <param name="LogitLensKl">Mean KL from the model to the logit lens, nats; null until the layer's training
/// is over.</param>
public sealed record TrainedLayer(int Layer, int Step, double? ValidationKl,
    [property: JsonPropertyName("validation_kl_logit_lens")] double? LogitLensKl);

/// <summary>The end of a training.</summary>
/// <param name="Complete">Whether the training is complete; a stopped one can be continued.</param>
/// <param name="Seconds">Time since the training was started or continued, seconds.</param>
/// <param name="Layers">Lenses by layer; empty if no lens has been written yet.</param>
public sealed record LensTrainedResult(bool Complete, double Seconds, IReadOnlyList<TrainedLayer> Layers)
{
    /// <summary>Token id before each document; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }

    /// <summary>The stream that a Jacobian lens reads; null for other kinds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Site { get; init; }

    /// <summary>Number of prompts that a Jacobian lens is the mean of; null for other kinds.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Prompts { get; init; }

    /// <summary>
    /// Relative step of a Jacobian lens, as a mean over the last 10 prompts; null for other kinds and for one
    /// prompt.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? Delta { get; init; }
}

/// <summary>The memory that a training needs.</summary>
/// <param name="Groups">Groups of layers that are trained together.</param>
/// <param name="Bytes">Memory of the largest group besides the model's weights, bytes.</param>
/// <param name="FreeBytes">Free memory, bytes.</param>
/// <param name="Parts">Memory by purpose, bytes.</param>
public sealed record LensPlanResult(IReadOnlyList<IReadOnlyList<int>> Groups, long Bytes, long FreeBytes,
    IReadOnlyDictionary<string, long> Parts)
{
    /// <summary>The plan as one line.</summary>
    [JsonIgnore]
    public string Line { get; init; } = "";
}

/// <summary>Trains lenses for the heads of some or all layers.</summary>
public static class LensTrainJob
{
    const int RemarkEvery = 50; // steps

    /// <summary>Runs the job. A cancelled job saves a checkpoint and returns.</summary>
    /// <exception cref="UserException">An option does not fit the model, the texts or the folder are not
    /// usable, or the training does not fit the device.</exception>
    public static LensTrainResult Run(LensTrainOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        ModelConfig config = ModelFolder.ReadConfig(options.Model);
        if (options.Kind == JacobianTrainJob.Kind)
            return JacobianTrainJob.Run(options, config, context);
        options.Jacobian.RequireNone();
        LensOptions lens = options.Lens(config);
        int[] layers = options.LayersOf(config);
        ModelText text = ModelText.Open(options.Model, config, options.Texts.Rules, context);
        LensTrainingOptions training = options.Training(config, context.Seed, text.Bos);
        if (options.Plan)
            return new() { Plan = Plan(options, config, lens, layers, training, context) };
        if (options.PlanMemory is not null)
            throw new UserException($"{Field.Of(nameof(options.PlanMemory))} belongs to "
                + $"{Field.Of(nameof(options.Plan))}; leave it out");
        string output = options.Out
            ?? throw new UserException($"no folder for the lenses; expected {Field.Of(nameof(options.Out))}");
        RunFolder.RequireFree(output);
        AtomicFile.RequireWritable(Path.Combine(output, LensFolder.WeightsFile));
        DocumentSource texts = options.Texts.Read(text);
        text.RemarkWithout([texts.Read(0).ToArray()]);
        using ComputeDevice device = context.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(context, device, options.Model);
        bool stepped = false;
        LensRunResult result = LensRun.Run(loaded.Model, ModelFolder.Hash(options.Model), lens, layers,
            training, texts, output, new LensRunOptions
            {
                Stop = context.Cancel,
                Planned = plan => context.Remark?.Invoke(Line(plan)),
                Progress = at =>
                {
                    stepped = true;
                    Report(context, at);
                },
            });
        if (result.Complete && !stepped && training.Steps > 0)
            context.Remark?.Invoke("complete already; nothing was trained");
        return new() { Trained = Trained(result) with { Bos = text.Bos } };
    }

    static LensPlanResult Plan(LensTrainOptions options, ModelConfig config, LensOptions lens, int[] layers,
        LensTrainingOptions training, JobContext context)
    {
        double? memory = options.PlanMemory;
        if (memory is <= 0 || memory is { } given && !double.IsFinite(given))
            throw new UserException($"{Field.Of(nameof(options.PlanMemory))} is {memory}; expected a number "
                + "of GiB above 0");
        using ComputeDevice device = context.OpenDevice();
        using var model = new LanguageModel(device, config); // only its sizes are read
        LensPlan plan = LensPlan.Make(model, lens, layers, training,
            memory is { } gib ? (long)(gib * (1L << 30)) - 4 * model.Parameters.TotalLength : null);
        return new LensPlanResult(plan.Groups, plan.Memory.TotalBytes, plan.FreeBytes,
            plan.Memory.Parts.ToDictionary(p => p.Purpose, p => p.Bytes))
        {
            Line = Line(plan),
        };
    }

    static LensTrainedResult Trained(LensRunResult result) => new(result.Complete,
        result.Elapsed.TotalSeconds, result.Facts is not { } facts ? []
            : [.. facts.Layers.Select((layer, i) => new TrainedLayer(layer, facts.Steps[i],
                facts.ValidationKl?[i], facts.LogitLensKl?[i]))]);

    // JobContext.Report throws on cancellation, and the run must write its checkpoint first, so this does not
    // use it.
    static void Report(JobContext context, LensProgress p)
    {
        double mean = p.Last.Losses.Where(l => !double.IsNaN(l)).DefaultIfEmpty(double.NaN).Average();
        context.Progress?.Invoke(new JobProgress("training lenses",
            (p.Group + (double)p.Last.Step / p.Steps) / p.Groups,
            $"KL {mean:0.000}, {p.TimeLeft:hh\\:mm\\:ss} left"));
        if (p.ValidationKl is { } kl)
            context.Remark?.Invoke($"step {p.Last.Step} of {p.Steps}"
                + (p.Groups > 1 ? $" of layers {string.Join(", ", p.Layers)}" : "")
                + $": KL {mean:0.000}, validation {string.Join(" ", kl.Select(k => $"{k:0.000}"))}, "
                + $"{p.TimeLeft:hh\\:mm\\:ss} left");
        else if (context.Progress is null && (p.Last.Step % RemarkEvery == 0 || p.Last.Step == p.Steps))
            context.Remark?.Invoke(
                $"step {p.Last.Step} of {p.Steps}: KL {mean:0.000}, {p.TimeLeft:hh\\:mm\\:ss} left");
    }

    static string Line(LensPlan plan) => Counted.Of(plan.Groups.Sum(g => g.Count), "layer")
        + (plan.Groups.Count > 1 ? $" in {plan.Groups.Count} groups of at most {plan.Groups[0].Count}" : "")
        + $"; beside the model {MemoryPlan.Text(plan.Memory.TotalBytes)} of "
        + $"{MemoryPlan.Text(plan.FreeBytes)}: {plan.Memory}";
}
