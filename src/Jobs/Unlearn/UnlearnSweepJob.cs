using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="UnlearnSweepJob"/>.</summary>
public sealed record UnlearnSweepOptions
{
    /// <summary>Folders of models: checkpoints of one model.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Names of methods, from <see cref="MethodCatalog"/>; null for all that can run.</summary>
    public IReadOnlyList<string>? Methods { get; init; }

    /// <summary>Budgets, each 0 to 1.</summary>
    public required IReadOnlyList<double> Budgets { get; init; }

    /// <summary>
    /// Seeds; null for the job's seed alone. A method that draws no random numbers runs once.
    /// </summary>
    public IReadOnlyList<ulong>? Seeds { get; init; }

    /// <summary>Sequences to forget, keep and measure.</summary>
    public required ForgetRequest Sets { get; init; }

    /// <summary>Files of test sequences; the accuracy is the mean over files.</summary>
    public IReadOnlyList<string> Test { get; init; } = [];

    /// <summary>
    /// Token id that pads test rows to the context; if null, padded accuracy is not measured.
    /// </summary>
    public int? PadToken { get; init; }

    /// <summary>Values of the methods' options; the sweep tries every combination.</summary>
    public IReadOnlyList<MethodValues> MethodOptions { get; init; } = [];

    /// <summary>
    /// Compressions after which every edited model is measured again: quantise:int8, quantise:int4, prune:P;
    /// may be empty.
    /// </summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>Folder of the results; the same call continues where it stopped.</summary>
    public required string Out { get; init; }
}

/// <summary>
/// Measures methods with several budgets, options and seeds on several checkpoints, in parallel.
/// </summary>
public static class UnlearnSweepJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <exception cref="UserException">An option is wrong, a file cannot be read, or the folder holds
    /// something else.</exception>
    public static UnlearnSweepResult Run(UnlearnSweepOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string[] models = [.. options.Model];
        double[] budgets = [.. options.Budgets.Distinct().Order()];
        ulong[] seeds = options.Seeds is { } given ? [.. given.Distinct()] : [context.Seed];
        WeightCompression[] compressions =
            [.. options.After.Select(text => WeightCompression.Parse(text, nameof(options.After)))];
        IReadOnlyList<UnlearningMethod> methods =
            Methods(context, options.Methods, options.Sets.Keep is not null);
        MethodValues.RequireRead(options.MethodOptions, methods);
        var plan = new SweepPlan(models.Length,
            [.. methods.Select(m => new SweptMethod(m, MethodValues.Grid(options.MethodOptions, m)))],
            budgets, seeds);
        UnlearnSweepFolder.RequirePlace(options.Out);
        ModelConfig config = Shared(context, models);
        UnlearnData data = options.Sets.Read(context, models[0], config);
        foreach (UnlearningMethod method in methods)
            ForgetRequest.WarnIfSameForm(context, data.Form, method);
        data = WithTests(options, data, models[0], config, context);
        IReadOnlyList<Func<ComputeDevice>> devices = Devices(context, plan.Jobs.Count, out string device);
        var made = new JsonObject
        {
            ["models"] = Array(models), ["methods"] = Array(methods.Select(m => m.Name)),
            ["budgets"] = Array(budgets), ["seeds"] = Array(seeds), ["cells"] = plan.Cells,
            ["tests"] = Array(options.Test),
        };
        options.Sets.AddTo(made, data);
        made["pad_token"] = data.PadToken;
        if (compressions.Length > 0) // so that sweeps without it, and older ones, go on
            made["after"] = Array(compressions.Select(c => c.Name));
        made["grid"] = new JsonArray([.. plan.Jobs.Select(j => j.Options.Json(j.Method))
            .DistinctBy(o => o.ToJsonString())]);
        using UnlearnSweepFolder folder = UnlearnSweepFolder.Open(options.Out, new Manifest
        {
            Command = "unlearn sweep", Options = made,
            ModelHash = string.Join(',', models.Select(ModelFolder.Hash)),
            DataHash = FileHash.Sha256([.. options.Sets.Files, .. options.Test]), Device = device,
        });
        int before = folder.Done;
        var watch = Stopwatch.StartNew();
        new UnlearnSweep(plan, models, data, compressions).Run(folder, devices,
            done => context.Progress?.Invoke(
                new JobProgress("unlearning", (double)done / plan.Cells, $"{done} of {plan.Cells}")),
            context.Cancel);
        folder.Finish();
        if (before == plan.Cells)
            context.Remark?.Invoke("complete already; nothing was computed");
        context.Remark?.Invoke(
            $"{Counted.Of(plan.Cells - before, "cell")} in {watch.Elapsed.TotalSeconds:0.0} s; "
                + $"{options.Out}");
        return UnlearnSweepResult.Of(
            SweepSelection.Of(UnlearnSweepFolder.Read(options.Out), SelectionRule.Accuracy), models) with
        {
            Bos = data.Recital.Bos,
        };
    }

    static IReadOnlyList<UnlearningMethod> Methods(
        JobContext context, IReadOnlyList<string>? names, bool keeps)
    {
        if (names is not null)
            return [.. names.Distinct().Select(MethodCatalog.Named).Select(m =>
                keeps || !m.NeedsKeep ? m : throw new UserException(
                    $"{m.Name} needs rows to keep; give some with {Field.Of(nameof(ForgetRequest.Keep))}"))];
        string[] left = [.. MethodCatalog.All.Where(m => m.NeedsKeep && !keeps).Select(m => m.Name)];
        if (left.Length > 0)
            context.Remark?.Invoke($"left out, because there are no rows to keep: {string.Join(", ", left)}");
        return [.. MethodCatalog.All.Where(m => keeps || !m.NeedsKeep)];
    }

    // Checks that one set of sequences fits all models.
    static ModelConfig Shared(JobContext context, string[] models)
    {
        ModelConfig[] configs = [.. models.Select(ModelFolder.ReadConfig)];
        for (int i = 1; i < models.Length; i++)
            if (configs[i].VocabSize != configs[0].VocabSize
                || configs[i].ContextLength != configs[0].ContextLength)
                throw new UserException($"{models[i]} has {configs[i].VocabSize} tokens and a context of "
                    + $"{configs[i].ContextLength}, {models[0]} {configs[0].VocabSize} and "
                    + $"{configs[0].ContextLength}; expected checkpoints of one model");
        foreach (string model in models)
        {
            ModelFolder.Check(model);
            LoadedModel.RemarkOn(context, model);
        }
        return configs[0];
    }

    static UnlearnData WithTests(
        UnlearnSweepOptions options, UnlearnData data, string model, ModelConfig config, JobContext context)
    {
        if (options.PadToken < 0 || options.PadToken >= config.VocabSize)
            throw new UserException($"{Field.Of(nameof(options.PadToken))} is {options.PadToken}; expected a "
                + $"token id from 0 to {config.VocabSize - 1}");
        if (options.Test.Count == 0)
            return data with { PadToken = options.PadToken };
        var tests = new List<IReadOnlyList<int[]>>();
        RecitalRequest recital = options.Sets.Recital;
        // The token's remarks were made for the sets.
        ModelText text = ModelText.Open(model, config, recital.Rules, null);
        foreach (string file in options.Test)
        {
            IReadOnlyList<PlantedSequence> sequences = recital.Sequences(file, text, context);
            UnlearnData.RequireFits(sequences, "test", config.ContextLength);
            tests.Add(UnlearnData.Rows(sequences));
        }
        return data with { Tests = tests, PadToken = options.PadToken };
    }

    // One worker per thread of the host, or per named device.
    static IReadOnlyList<Func<ComputeDevice>> Devices(JobContext context, int jobs, out string names)
    {
        var opened = new List<(string Name, bool Host)>();
        foreach (string name in context.DeviceName.Split(','))
        {
            using ComputeDevice device = context.OpenDevice(name);
            opened.Add((device.Name, device.Kind == DeviceKind.Cpu));
        }
        names = string.Join(',', opened.Select(d => d.Name));
        if (opened is [{ Host: true }])
        {
            int workers = Math.Min(ComputeDevice.HostThreadCount, jobs);
            return [.. Enumerable.Range(0, workers).Select(_ => Opening(context, "cpu", workers))];
        }
        return [.. opened.Select(d => Opening(context, d.Name, opened.Count(o => o.Name == d.Name)))];
    }

    static Func<ComputeDevice> Opening(JobContext context, string name, int sharers) => () =>
    {
        ComputeDevice device = context.OpenDevice(name);
        device.Sharers = sharers;
        return device;
    };

    static JsonArray Array<T>(IEnumerable<T> values) => new([.. values.Select(v => JsonValue.Create(v))]);
}
