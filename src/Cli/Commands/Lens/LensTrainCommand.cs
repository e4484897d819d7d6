using System.CommandLine;
using System.Text.Json.Nodes;
using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens train</c>: lenses for the heads of some or all layers.</summary>
sealed class LensTrainCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly LensTexts _texts = new();
    readonly Option<string> _layers = Word("--layers", "all", "all, or layers with commas between");
    readonly Option<string> _kind =
        Word("--kind", "head", "head, thin, low-rank, shared, residual or tuned; docs/lens.md");
    readonly Option<int> _rank = GlobalOptions.Number("--rank", 64, "of --kind low-rank");
    readonly Option<string> _init =
        Word("--init", "folded", "folded (W_U with the final LayerNorm), raw (W_U as it is) or zero");
    readonly Option<string> _bias =
        Word("--bias", "per-head", "each head's bias begins as b_U (per-head) or as b_U / H (divided)");
    readonly Option<string> _positions = Word("--positions", "last",
        "positions of a row that are matched: last (real), all, or a number of them drawn at random");
    readonly Option<int> _steps = GlobalOptions.Number("--steps", 500, "optimiser steps; 0 writes the "
        + "lens as it begins");
    readonly Option<int> _batchRows = GlobalOptions.Number("--batch-rows", 8, "rows of a forward pass");
    readonly Option<int> _accumulation =
        GlobalOptions.Number("--accumulation", 1, "forward passes that make a step");
    readonly Option<int> _tokens =
        GlobalOptions.Number("--tokens-per-row", 0, "longest row; 0 is the model's context");
    readonly Option<float> _rate = GlobalOptions.Number("--learning-rate", 1e-3f, "Adam's");
    readonly Option<float> _beta1 = GlobalOptions.Number("--beta1", 0.9f, "Adam's");
    readonly Option<float> _beta2 = GlobalOptions.Number("--beta2", 0.999f, "Adam's");
    readonly Option<float> _epsilon = GlobalOptions.Number("--epsilon", 1e-8f, "Adam's");
    readonly Option<float> _decay =
        GlobalOptions.Number("--weight-decay", 0f, "decoupled; of matrices alone");
    readonly Option<string> _schedule = Word("--schedule", "cosine", "constant or cosine");
    readonly Option<int> _warmup = GlobalOptions.Number("--warmup-steps", 0, "steps of linear rise");
    readonly Option<float?> _minimumRate = new("--minimum-rate")
    {
        Description = "at the end of the cosine; a tenth of the learning rate unless given", HelpName = "N",
    };
    readonly Option<float> _clip =
        GlobalOptions.Number("--clip", 0f, "largest norm of a layer's gradient; 0 for none");
    readonly Option<string> _moments =
        Word("--moments", "float32", "how Adam's moments are kept: float32, 8-bit or factored");
    readonly Option<double?> _validation = new("--validation-share")
    {
        Description = "share of the documents held out; 0.05 of 20 or more unless given", HelpName = "N",
    };
    readonly Option<int> _validationRows = GlobalOptions.Number("--validation-rows", 256, "of them, at most");
    readonly Option<int> _every = GlobalOptions.Number("--evaluate-every", 100, "steps between evaluations");
    readonly Option<int> _patience = GlobalOptions.Number("--patience", 5,
        "evaluations without a gain after which a layer is done; 0 never");
    readonly Option<double> _gain = GlobalOptions.Number("--minimum-gain", 1e-4, "nats that count as a gain");
    readonly Option<int> _checkpoint =
        GlobalOptions.Number("--checkpoint-every", 500, "steps; 0 for the end alone");
    readonly Option<int> _together =
        GlobalOptions.Number("--layers-at-once", 0, "layers trained together; 0 for as many as fit");
    readonly Option<bool> _resume = new("--resume")
    {
        Description = "accepted; the same call goes on by itself",
    };
    readonly Option<bool> _plan = new("--plan")
    {
        Description = "print the memory it takes and do nothing; needs config.json alone",
    };
    readonly Option<double?> _memory = new("--plan-memory")
    {
        Description = "GiB to plan for in place of the device's", HelpName = "N",
    };
    readonly Option<string?> _out = new("--out")
    {
        Description = "gets the lenses, metrics and checkpoint", HelpName = "LENSDIR",
    };

    internal static Command Create(GlobalOptions global) => new LensTrainCommand().Make(global);

    internal static Option<string> Word(string name, string absent, string description) => new(name)
    {
        Description = description, DefaultValueFactory = _ => absent,
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("train",
            "Train lenses: KL from the model's words; Ctrl-C saves a checkpoint");
        command.Options.Add(_model);
        _texts.AddTo(command);
        foreach (Option option in (Option[])[_layers, _kind, _rank, _init, _bias, _positions, _steps,
            _batchRows, _accumulation, _tokens, _rate, _beta1, _beta2, _epsilon, _decay, _schedule, _warmup,
            _minimumRate, _clip, _moments, _validation, _validationRows, _every, _patience, _gain,
            _checkpoint, _together, _out, _resume, _plan, _memory])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        string folder = parsed.GetValue(_model)!;
        ModelConfig config = ModelFolder.ReadConfig(folder);
        LensOptions lens = Lens(parsed, config);
        int[] layers = LensCommand.Layers(parsed.GetValue(_layers)!, config);
        LensTrainingOptions options = Training(parsed) with
        {
            Seed = run.Seed, Bos = _texts.Bos(parsed, config, folder),
        };
        options.Validated(config);
        if (parsed.GetValue(_plan))
            return Plan(run, parsed, config, lens, layers, options);
        if (parsed.GetValue(_memory) is not null)
            throw new UserException("--plan-memory belongs to --plan; leave it out");
        string output = parsed.GetValue(_out)
            ?? throw new UserException("no folder for the lenses; expected --out");
        RunFolder.RequireFree(output);
        AtomicFile.RequireWritable(Path.Combine(output, LensFolder.WeightsFile));
        DocumentSource texts = _texts.Read(parsed, folder, config);
        using ComputeDevice device = run.OpenDevice();
        using LoadedModel loaded = LoadedModel.Open(run, device, folder);
        LensRunResult? result = null;
        bool trained = false;
        run.WithProgress("training lenses", report => result = LensRun.Run(loaded.Model,
            ModelFolder.Hash(folder), lens, layers, options, texts, output, new LensRunOptions
            {
                Stop = run.Cancel,
                Planned = plan => run.Remark(Text(plan)),
                Progress = p =>
                {
                    trained = true;
                    Report(run, report, p);
                },
            }));
        if (result!.Complete && !trained && options.Steps > 0)
            run.Remark("complete already; nothing was trained");
        Print(run, result);
        run.Cancel.ThrowIfCancellationRequested();
        return ExitCode.Done;
    }

    int Plan(Invocation run, ParseResult parsed, ModelConfig config, LensOptions lens, int[] layers,
        LensTrainingOptions options)
    {
        double? memory = parsed.GetValue(_memory);
        if (memory is <= 0 || memory is { } given && !double.IsFinite(given))
            throw new UserException($"--plan-memory is {memory}; expected a number of GiB above 0");
        using ComputeDevice device = run.OpenDevice();
        using var model = new LanguageModel(device, config); // sizes are all that is asked of it
        Print(run, LensPlan.Make(model, lens, layers, options,
            memory is { } gib ? (long)(gib * (1L << 30)) - 4 * model.Parameters.TotalLength : null));
        return ExitCode.Done;
    }

    LensOptions Lens(ParseResult parsed, ModelConfig config)
    {
        var lens = new LensOptions
        {
            Kind = LensCommand.Kind(parsed.GetValue(_kind)!),
            Rank = parsed.GetValue(_rank),
            Initial = parsed.GetValue(_init) switch
            {
                "folded" => LensInitial.Folded,
                "raw" => LensInitial.Raw,
                "zero" => LensInitial.Zero,
                var word => throw new UserException(
                    $"--init is {Quoted.Name(word!)}; expected folded, raw or zero"),
            },
            Bias = parsed.GetValue(_bias) switch
            {
                "per-head" => LensBias.PerHead,
                "divided" => LensBias.Divided,
                var word => throw new UserException(
                    $"--bias is {Quoted.Name(word!)}; expected per-head or divided"),
            },
        };
        lens.RequireFits(config);
        return lens;
    }

    LensTrainingOptions Training(ParseResult parsed) => new()
    {
        Steps = parsed.GetValue(_steps),
        BatchRows = parsed.GetValue(_batchRows),
        Accumulation = parsed.GetValue(_accumulation),
        TokensPerRow = parsed.GetValue(_tokens),
        Positions = PositionChoice.Parse(parsed.GetValue(_positions)!),
        Optimizer = new AdamWOptions
        {
            LearningRate = parsed.GetValue(_rate), Beta1 = parsed.GetValue(_beta1),
            Beta2 = parsed.GetValue(_beta2), Epsilon = parsed.GetValue(_epsilon),
            WeightDecay = parsed.GetValue(_decay),
        },
        Schedule = new LearningRateSchedule
        {
            Kind = parsed.GetValue(_schedule) switch
            {
                "constant" => ScheduleKind.Constant,
                "cosine" => ScheduleKind.Cosine,
                var word => throw new UserException(
                    $"--schedule is {Quoted.Name(word!)}; expected constant or cosine"),
            },
            WarmupSteps = parsed.GetValue(_warmup),
            MinimumRate = parsed.GetValue(_minimumRate),
        },
        Clip = parsed.GetValue(_clip),
        Moments = parsed.GetValue(_moments) switch
        {
            "float32" => MomentStorage.Float32,
            "8-bit" => MomentStorage.EightBit,
            "factored" => MomentStorage.Factored,
            var word => throw new UserException(
                $"--moments is {Quoted.Name(word!)}; expected float32, 8-bit or factored"),
        },
        ValidationShare = parsed.GetValue(_validation),
        ValidationRows = parsed.GetValue(_validationRows),
        EvaluateEvery = parsed.GetValue(_every),
        Patience = parsed.GetValue(_patience),
        MinimumGain = parsed.GetValue(_gain),
        CheckpointEvery = parsed.GetValue(_checkpoint),
        LayersAtOnce = parsed.GetValue(_together),
    };

    static void Report(Invocation run, Action<double, string> report, LensProgress p)
    {
        double mean = p.Last.Losses.Where(l => !double.IsNaN(l)).DefaultIfEmpty(double.NaN).Average();
        report((p.Group + (double)p.Last.Step / p.Steps) / p.Groups,
            $"KL {mean:0.000}, {p.TimeLeft:hh\\:mm\\:ss} left");
        if (p.ValidationKl is { } kl)
            run.Remark($"step {p.Last.Step} of {p.Steps}"
                + (p.Groups > 1 ? $" of layers {string.Join(", ", p.Layers)}" : "")
                + $": KL {mean:0.000}, validation {string.Join(" ", kl.Select(k => $"{k:0.000}"))}, "
                + $"{p.TimeLeft:hh\\:mm\\:ss} left");
        else if (!run.ShowsProgress && (p.Last.Step % 50 == 0 || p.Last.Step == p.Steps))
            run.Remark($"step {p.Last.Step} of {p.Steps}: KL {mean:0.000}, {p.TimeLeft:hh\\:mm\\:ss} left");
    }

    static string Text(LensPlan plan) => $"{plan.Groups.Sum(g => g.Count)} layers"
        + (plan.Groups.Count > 1 ? $" in {plan.Groups.Count} groups of at most {plan.Groups[0].Count}" : "")
        + $"; beside the model {MemoryPlan.Text(plan.Memory.TotalBytes)} of "
        + $"{MemoryPlan.Text(plan.FreeBytes)}: {plan.Memory}";

    static void Print(Invocation run, LensPlan plan)
    {
        if (!run.Json)
        {
            run.Line(Text(plan));
            return;
        }
        run.WriteJson(new JsonObject
        {
            ["groups"] = new JsonArray([.. plan.Groups.Select(g =>
                new JsonArray([.. g.Select(l => (JsonNode)l)]))]),
            ["bytes"] = plan.Memory.TotalBytes,
            ["free_bytes"] = plan.FreeBytes,
            ["parts"] = new JsonObject(plan.Memory.Parts.Select(p =>
                KeyValuePair.Create<string, JsonNode?>(p.Purpose, p.Bytes))),
        });
    }

    static void Print(Invocation run, LensRunResult result)
    {
        LensMetadata? facts = result.Facts;
        if (run.Json)
        {
            run.WriteJson(new JsonObject
            {
                ["complete"] = result.Complete,
                ["seconds"] = result.Elapsed.TotalSeconds,
                ["layers"] = new JsonArray([.. (facts?.Layers ?? []).Select((layer, i) => new JsonObject
                {
                    ["layer"] = layer,
                    ["step"] = facts!.Steps[i],
                    ["validation_kl"] = facts.ValidationKl?[i],
                    ["validation_kl_logit_lens"] = facts.LogitLensKl?[i],
                })]),
            });
            return;
        }
        run.Line($"{(result.Complete ? "trained" : "stopped, continue with --resume")}: "
            + $"{result.Elapsed:hh\\:mm\\:ss}");
        if (facts is null)
            return;
        Table table = Invocation.Table("layer", "best at step", "validation KL", "logit lens");
        for (int i = 0; i < facts.Layers.Count; i++)
            Invocation.Row(table, $"{facts.Layers[i]}", $"{facts.Steps[i]}",
                facts.ValidationKl?[i] is { } kl ? $"{kl:0.0000}" : "none",
                facts.LogitLensKl?[i] is { } logit ? $"{logit:0.0000}" : "none");
        run.Draw(table);
    }
}
