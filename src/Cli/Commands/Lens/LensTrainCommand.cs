using System.CommandLine;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>lens train</c>: trains lenses for the heads of some or all layers.</summary>
sealed class LensTrainCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly LensTextOptions _texts = new();
    readonly Option<string> _layers = Word("--layers", "all", "all, or layers with commas between");
    readonly Option<string> _kind =
        Word("--kind", "head", "head, thin, low-rank, shared, residual, tuned, effect or jacobian; "
            + "docs/lens.md");
    readonly Option<int?> _rank = GlobalOptions.OptionalNumber<int>("--rank",
        $"of --kind low-rank; {LensTrainOptions.DefaultRank} unless given");
    readonly Option<string> _init =
        Word("--init", "folded", "folded (W_U with the final LayerNorm), raw (W_U as it is), zero or "
            + "jacobian");
    readonly Option<string?> _initLens = new PathOption<string?>("--init-lens", PathUse.Reads)
    {
        Description = "of --init jacobian: a Jacobian lens, at resid_mid, or at resid_post for --kind tuned",
        HelpName = "LENSDIR",
    };
    readonly Option<string?> _bias = new("--bias")
    {
        Description = "each head's bias begins as b_U (per-head; unless given) or as b_U / H (divided), or "
            + "heads have none, as with --ablation",
        HelpName = "per-head|divided|none",
    };
    readonly Option<string?> _positions = new("--positions")
    {
        Description = "positions of a row that are matched: last (real; unless given), all, or a number of "
            + "them drawn at random; of --kind jacobian: published (16 to T - 2; unless given) or all",
    };
    readonly Option<string?> _ablation = new("--ablation")
    {
        Description = "train lenses of heads to say what the removal of a head changes, in place of what the "
            + "sum of heads predicts: z of removed heads becomes zero, or its mean over the row; zero unless "
            + "given for --kind effect",
        HelpName = "zero|mean",
    };
    readonly Option<double?> _ablationShare = new("--ablation-share")
    {
        Description = "of --ablation: probability of removal for each further head of the layer, beside the "
            + $"one that is drawn for a row; {LensTrainOptions.DefaultAblationShare} unless given",
        HelpName = "N",
    };
    readonly Option<string?> _sites = new("--sites")
    {
        Description = "of --kind jacobian: resid_mid (reads every head) or resid_post (unless given)",
    };
    readonly Option<int> _prompts =
        GlobalOptions.Number("--prompts", 0, "of --kind jacobian: most prompts; 0 is all");
    readonly Option<double> _tolerance = GlobalOptions.Number("--tolerance", 0.0,
        "of --kind jacobian: mean step of the result that ends the fit after 100 prompts; 0 never");
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
    readonly Option<double?> _gain = new("--minimum-gain")
    {
        Description = "nats that count as a gain; 1e-4 unless given, and 0 with --ablation", HelpName = "N",
    };
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
    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFolder)
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
        foreach (Option option in (Option[])[_layers, _kind, _rank, _init, _initLens, _bias, _positions,
            _ablation, _ablationShare, _sites, _prompts, _tolerance, _steps,
            _batchRows, _accumulation, _tokens, _rate, _beta1, _beta2, _epsilon, _decay, _schedule, _warmup,
            _minimumRate, _clip, _moments, _validation, _validationRows, _every, _patience, _gain,
            _checkpoint, _together, _out, _resume, _plan, _memory])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), Options(parsed)));
        return command;
    }

    LensTrainOptions Options(ParseResult parsed) => new()
    {
        Model = parsed.GetValue(_model)!,
        Texts = _texts.Read(parsed),
        Layers = parsed.GetValue(_layers)!,
        Kind = parsed.GetValue(_kind)!,
        Rank = parsed.GetValue(_rank),
        Init = parsed.GetValue(_init)!,
        InitLens = parsed.GetValue(_initLens),
        Bias = parsed.GetValue(_bias),
        Positions = parsed.GetValue(_positions),
        Ablation = parsed.GetValue(_ablation),
        AblationShare = parsed.GetValue(_ablationShare),
        Jacobian = new JacobianRequest
        {
            Sites = parsed.GetValue(_sites), Prompts = parsed.GetValue(_prompts),
            Tolerance = parsed.GetValue(_tolerance),
        },
        Steps = parsed.GetValue(_steps),
        BatchRows = parsed.GetValue(_batchRows),
        Accumulation = parsed.GetValue(_accumulation),
        TokensPerRow = parsed.GetValue(_tokens),
        LearningRate = parsed.GetValue(_rate),
        Beta1 = parsed.GetValue(_beta1),
        Beta2 = parsed.GetValue(_beta2),
        Epsilon = parsed.GetValue(_epsilon),
        WeightDecay = parsed.GetValue(_decay),
        Schedule = parsed.GetValue(_schedule)!,
        WarmupSteps = parsed.GetValue(_warmup),
        MinimumRate = parsed.GetValue(_minimumRate),
        Clip = parsed.GetValue(_clip),
        Moments = parsed.GetValue(_moments)!,
        ValidationShare = parsed.GetValue(_validation),
        ValidationRows = parsed.GetValue(_validationRows),
        EvaluateEvery = parsed.GetValue(_every),
        Patience = parsed.GetValue(_patience),
        MinimumGain = parsed.GetValue(_gain),
        CheckpointEvery = parsed.GetValue(_checkpoint),
        LayersAtOnce = parsed.GetValue(_together),
        Plan = parsed.GetValue(_plan),
        PlanMemory = parsed.GetValue(_memory),
        Out = parsed.GetValue(_out),
    };

    static int Run(Invocation run, LensTrainOptions options)
    {
        LensTrainResult result = run.RunJob(context => LensTrainJob.Run(options, context));
        if (result.Plan is { } plan)
            return Print(run, plan);
        Print(run, result.Trained!);
        run.Cancel.ThrowIfCancellationRequested();
        return ExitCode.Done;
    }

    static int Print(Invocation run, LensPlanResult plan)
    {
        if (run.Json)
            return run.WriteJson(plan, LensJobsJson.Default.LensPlanResult);
        run.Line(plan.Line);
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensTrainedResult result)
    {
        if (run.Json)
        {
            run.WriteJson(result, LensJobsJson.Default.LensTrainedResult);
            return;
        }
        run.Line($"{(result.Complete ? "trained" : "stopped, the same call goes on")}: "
            + $"{TimeSpan.FromSeconds(result.Seconds):hh\\:mm\\:ss}");
        if (result.Layers.Count == 0)
            return;
        if (result.Site is { } site)
        {
            run.Line($"{site} of layers {string.Join(", ", result.Layers.Select(l => l.Layer))}, "
                + $"{Counted.Of(result.Prompts ?? 0, "prompt")}"
                + (result.Delta is { } delta ? $", delta {delta:0.0000}" : ""));
            return;
        }
        Table table = Invocation.Table("layer", "best at step", "validation KL", "logit lens");
        foreach (TrainedLayer layer in result.Layers)
            Invocation.Row(table, $"{layer.Layer}", $"{layer.Step}",
                layer.ValidationKl is { } kl ? $"{kl:0.0000}" : "none",
                layer.LogitLensKl is { } logit ? $"{logit:0.0000}" : "none");
        run.Draw(table);
    }
}
