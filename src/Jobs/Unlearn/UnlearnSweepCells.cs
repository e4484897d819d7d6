using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Jobs;

/// <summary>
/// The cells of <see cref="UnlearnSweepJob"/> for a plan: one a search, with all budgets that its finding is
/// applied at.
/// </summary>
sealed class UnlearnSweepCells : CellSweep
{
    readonly UnlearnSweepOptions _options;
    readonly string[] _models;
    readonly SweepPlan _plan;
    readonly JsonObject _made;
    readonly int? _bos;

    UnlearnSweepCells(UnlearnSweepOptions options, string[] models, SweepPlan plan, UnlearnData data,
        WeightCompression[] compressions, JsonObject made)
    {
        (_options, _models, _plan, _made) = (options, models, plan, made);
        _bos = data.Recital.Bos;
        Sweep = new(plan, models, data, compressions);
    }

    /// <summary>Runs the searches.</summary>
    internal UnlearnSweep Sweep { get; }

    /// <summary>Number of rows of all cells.</summary>
    internal int Rows => _plan.Cells;

    /// <summary>Checks the options and reads the sequences.</summary>
    /// <exception cref="UserException">An option is wrong, or a file cannot be read.</exception>
    internal static UnlearnSweepCells Read(UnlearnSweepOptions options, JobContext context)
    {
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
        ModelConfig config = Shared(context, models);
        UnlearnData data = options.Sets.Read(context, models[0], config);
        foreach (UnlearningMethod method in methods)
            ForgetRequest.WarnIfSameForm(context, data.Form, method);
        data = WithTests(options, data, models[0], config, context);
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
        return new(options, models, plan, data, compressions, made);
    }

    internal override int Count => _plan.Jobs.Count;

    internal override IReadOnlyList<string> Models => _models;

    internal override IReadOnlyList<string> Files => [.. _options.Sets.Files, .. _options.Test];

    internal override JsonObject Describe(int cell)
    {
        SweepJob job = _plan.Jobs[cell];
        return new()
        {
            ["checkpoint"] = job.Checkpoint, ["method"] = job.Method.Name,
            ["options"] = job.Options.Json(job.Method), ["seed"] = job.Seed,
            ["budgets"] = Array(job.Budgets), ["first_row"] = job.FirstCell,
        };
    }

    internal override ICellWorker Open(ComputeDevice device, JobContext context)
        => new Worker(_plan, Sweep.Open(device));

    /// <summary>Opens the verb's folder for results of a device.</summary>
    internal UnlearnSweepFolder OpenFolder(string folder, RunDevice device)
        => UnlearnSweepFolder.Open(folder, new Manifest
        {
            Command = "unlearn sweep", Options = _made,
            ModelHash = string.Join(',', _models.Select(ModelFolder.Hash)),
            DataHash = FileHash.Sha256(Files), Device = device.Name,
        });

    /// <summary>Sums up a folder that has all rows.</summary>
    internal UnlearnSweepResult Finish(UnlearnSweepFolder folder)
    {
        folder.Finish();
        return UnlearnSweepResult.Of(
            SweepSelection.Of(UnlearnSweepFolder.Read(folder.Path), SelectionRule.Accuracy), _models) with
        {
            Bos = _bos,
        };
    }

    internal override ISweepResult Report(string folder,
        IEnumerable<IReadOnlyList<(string File, string Line)>> cells, RunDevice device, JobContext context)
    {
        using UnlearnSweepFolder results = OpenFolder(folder, device);
        foreach ((_, string line) in cells.SelectMany(rows => rows))
            results.Add(line);
        context.Remark?.Invoke(folder);
        return Finish(results);
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

    static JsonArray Array<T>(IEnumerable<T> values) => new([.. values.Select(v => JsonValue.Create(v))]);

    sealed class Worker(SweepPlan plan, UnlearnSweep.Worker worker) : ICellWorker
    {
        public IReadOnlyList<(string File, string Line)> Run(int cell, CancellationToken cancel)
            => [.. worker.Run(plan.Jobs[cell], cancel)
                .Select(row => (UnlearnSweepFolder.CellsFile, JsonlWriter.Line(row)))];

        public void Dispose() => worker.Dispose();
    }
}
