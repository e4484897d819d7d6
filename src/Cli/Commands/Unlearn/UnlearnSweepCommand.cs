using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary><c>unlearn sweep</c>: methods, budgets, options, seeds and checkpoints, every cell of
/// them.</summary>
sealed class UnlearnSweepCommand
{
    readonly Option<string> _models = new("--model")
    {
        Description = "model folders with commas between: checkpoints of one model", HelpName = "DIR,DIR",
        Required = true,
    };
    readonly Option<string> _methods = Words("--methods", "all", "NAME,NAME",
        "all, or some of " + string.Join(", ", MethodCatalog.All.Select(m => m.Name)));
    // The published ones: arXiv 2410.02159.
    readonly Option<string> _budgets = Words("--budgets",
        "0.00001,0.0001,0.001,0.01,0.05,0.1,0.25,0.3,0.5,0.8", "R,R", "shares from 0 to 1");
    readonly Option<string?> _seeds = new("--seeds")
    {
        Description = "whole numbers with commas between; --seed alone unless given. A method that draws "
            + "nothing runs once",
        HelpName = "N,N",
    };
    readonly ForgetOptions _forget = new();
    readonly Option<string[]> _tests = new("--test")
    {
        Description = "files of sequences; accuracy is the mean of theirs", HelpName = "FILE.jsonl",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<int> _pad = GlobalOptions.Number("--pad-token", -1,
        "measure test accuracy with rows filled up to the context too, by this token (TinyMem: 13)");
    readonly MethodFlags _flags = new(lists: true);
    readonly Option<string> _out = new("--out")
    {
        Description = "the folder of the results", HelpName = "DIR", Required = true,
    };
    readonly Option<bool> _resume = new("--resume")
    {
        Description = "accepted; the same call goes on by itself",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnSweepCommand().Make(global);

    static Option<string> Words(string name, string absent, string help, string description) => new(name)
    {
        Description = description, HelpName = help, DefaultValueFactory = _ => absent,
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("sweep",
            "Methods at budgets with options and seeds on checkpoints: every cell measured, in parallel");
        foreach (Option option in (Option[])[_models, _methods, _budgets, _seeds])
            command.Options.Add(option);
        _forget.AddTo(command);
        foreach (Option option in (Option[])[_tests, _pad, _out, _resume])
            command.Options.Add(option);
        _flags.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string target = parsed.GetValue(_out)!;
        string[] models = parsed.GetValue(_models)!.Split(',');
        double[] budgets = [.. List("--budgets", parsed.GetValue(_budgets)!, 0, 1).Distinct().Order()];
        ulong[] seeds = parsed.GetValue(_seeds) is { } text
            ? [.. text.Split(',').Select(Seed).Distinct()] : [run.Seed];
        bool keeps = parsed.GetResult("--keep") is not null;
        IReadOnlyList<UnlearningMethod> methods = Methods(run, parsed.GetValue(_methods)!, keeps);
        _flags.RequireTaken(parsed, methods);
        var plan = new SweepPlan(models.Length,
            [.. methods.Select(m => new SweptMethod(m, _flags.Grid(parsed, m)))], budgets, seeds);
        UnlearnSweepFolder.RequirePlace(target);
        ModelConfig config = Shared(models);
        ForgetTask given = _forget.Read(run, parsed, models[0], config);
        foreach (UnlearningMethod method in methods)
            ForgetOptions.TellForm(run, given, method);
        string[] tests = parsed.GetValue(_tests) ?? [];
        SweepData data = Data(parsed, given, tests, models[0], config);
        IReadOnlyList<Func<ComputeDevice>> devices = Devices(run, plan.Jobs.Count, out string device);
        var manifest = new Manifest
        {
            Command = "unlearn sweep",
            Options = Settings(models, methods, plan, budgets, seeds, given, tests),
            ModelHash = string.Join(',', models.Select(ModelFolder.Hash)),
            DataHash = FileHash.Sha256([.. given.Files, .. tests]), Device = device,
        };
        manifest.Options["pad_token"] = data.PadToken;
        manifest.Options["grid"] = new JsonArray([.. plan.Jobs.Select(j => MethodFlags.Json(j.Options))
            .DistinctBy(o => o.ToJsonString())]);
        using UnlearnSweepFolder folder = UnlearnSweepFolder.Open(target, manifest);
        int before = folder.Done;
        var watch = Stopwatch.StartNew();
        run.WithProgress("unlearning", report => new UnlearnSweep(plan, models, data, given.Form,
            MethodFlags.Json).Run(folder, devices, done => report((double)done / plan.Cells,
                $"{done} of {plan.Cells}"), run.Cancel));
        folder.Finish();
        if (before == plan.Cells)
            run.Remark("complete already; nothing was computed");
        run.Remark($"{plan.Cells - before} cells in {watch.Elapsed.TotalSeconds:0.0} s; {target}");
        UnlearnTable.Print(run, SweepSelection.Of(UnlearnSweepFolder.Read(target), SelectionRule.Accuracy),
            models);
        return ExitCode.Done;
    }

    static IReadOnlyList<UnlearningMethod> Methods(Invocation run, string text, bool keeps)
    {
        if (text != "all")
            return [.. text.Split(',').Distinct().Select(MethodCatalog.Named).Select(m =>
                keeps || !m.NeedsKeep ? m : throw new UserException(
                    $"{m.Name} needs rows to keep; give some with --keep"))];
        string[] left = [.. MethodCatalog.All.Where(m => m.NeedsKeep && !keeps).Select(m => m.Name)];
        if (left.Length > 0)
            run.Remark($"left out, because there is no --keep: {string.Join(", ", left)}");
        return [.. MethodCatalog.All.Where(m => keeps || !m.NeedsKeep)];
    }

    // One set of sequences serves all of them.
    static ModelConfig Shared(string[] models)
    {
        ModelConfig[] configs = [.. models.Select(ModelFolder.ReadConfig)];
        for (int i = 1; i < models.Length; i++)
            if (configs[i].VocabSize != configs[0].VocabSize
                || configs[i].ContextLength != configs[0].ContextLength)
                throw new UserException($"{models[i]} has {configs[i].VocabSize} tokens and a context of "
                    + $"{configs[i].ContextLength}, {models[0]} {configs[0].VocabSize} and "
                    + $"{configs[0].ContextLength}; expected checkpoints of one model");
        foreach (string model in models)
            ModelFolder.Check(model);
        return configs[0];
    }

    SweepData Data(
        ParseResult parsed, ForgetTask given, string[] tests, string model, ModelConfig config)
    {
        int pad = parsed.GetValue(_pad);
        bool padded = parsed.GetResult(_pad) is { Implicit: false };
        if (padded && (pad < 0 || pad >= config.VocabSize))
            throw new UserException(
                $"--pad-token is {pad}; expected a token id from 0 to {config.VocabSize - 1}");
        var rows = new List<IReadOnlyList<int[]>>();
        foreach (string file in tests)
        {
            IReadOnlyList<PlantedSequence> sequences = RecitalOptions.Sequences(file, model, config);
            UnlearnData.RequireFits(sequences, "test", config.ContextLength);
            rows.Add(UnlearnData.Rows(sequences));
        }
        return new SweepData(given.Data, given.Asked, given.Recital, given.OnlyMemorised,
            given.MeasuredKeep, rows, padded ? pad : null);
    }

    // Threads of the host path, or the devices that --device names: a worker each.
    static IReadOnlyList<Func<ComputeDevice>> Devices(Invocation run, int jobs, out string names)
    {
        var opened = new List<(string Name, bool Host)>();
        foreach (string name in run.DeviceNames)
        {
            using ComputeDevice device = run.OpenDevice(name);
            opened.Add((device.Name, device.Kind == DeviceKind.Cpu));
        }
        names = string.Join(',', opened.Select(d => d.Name));
        if (opened is [{ Host: true }])
            return [.. Enumerable.Range(0, Math.Min(ComputeDevice.HostThreadCount, jobs))
                .Select(_ => (Func<ComputeDevice>)(() => run.OpenDevice("cpu")))];
        return [.. opened.Select(d => (Func<ComputeDevice>)(() => run.OpenDevice(d.Name)))];
    }

    static JsonObject Settings(string[] models, IReadOnlyList<UnlearningMethod> methods, SweepPlan plan,
        double[] budgets, ulong[] seeds, ForgetTask given, string[] tests)
    {
        var settings = new JsonObject
        {
            ["models"] = Array(models), ["methods"] = Array(methods.Select(m => m.Name)),
            ["budgets"] = Array(budgets), ["seeds"] = Array(seeds), ["cells"] = plan.Cells,
            ["tests"] = Array(tests),
        };
        given.AddTo(settings);
        return settings;
    }

    static JsonArray Array<T>(IEnumerable<T> values) => new([.. values.Select(v => JsonValue.Create(v))]);

    static ulong Seed(string word)
        => ulong.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed
            : throw new UserException(
                $"--seeds has {Quoted.Name(word)}; expected whole numbers with commas between");

    static IEnumerable<double> List(string option, string text, double least, double most)
        => text.Split(',').Select(word =>
            double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)
            && value >= least && value <= most ? value : throw new UserException(
                $"{option} has {Quoted.Name(word)}; expected numbers from {least} to {most} with commas "
                + "between"));
}
