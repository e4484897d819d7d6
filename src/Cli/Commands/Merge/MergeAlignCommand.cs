using System.CommandLine;
using System.Globalization;
using HeadTap.Merge;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>merge align</c>: brings a model into another's order.</summary>
sealed class MergeAlignCommand
{
    readonly Option<string[]> _models = new PathOption<string[]>("--model", PathUse.Reads)
    {
        Description = "folder of a model, twice: the one that stays, and the one that is moved",
        HelpName = "DIR", Required = true,
    };

    readonly Option<string> _by = new("--by")
    {
        Description = "by what: weights, activations or straight_through", HelpName = "WHAT",
        DefaultValueFactory = _ => "weights",
    };

    readonly Option<string> _stream = new("--stream")
    {
        Description = "the residual stream: order (one permutation), rotation (LayerNorms are folded) or "
            + "none",
        HelpName = "HOW", DefaultValueFactory = _ => "order",
    };

    readonly Option<string?> _batch = new PathOption<string?>("--batch", PathUse.Reads)
    {
        Description = "a JSON file with several texts: a list of lists of token ids, or of texts",
        HelpName = "FILE.json",
    };

    readonly Option<string?> _text = new PathOption<string?>("--text-file", PathUse.Reads)
    {
        Description = "a file of texts, as eval takes it; the barrier is measured on them", HelpName = "F",
    };

    readonly TextRuleOptions _rules = new("text");

    readonly Option<int> _points = GlobalOptions.Number("--points", 21,
        "places on the line between the models, both ends with them");

    readonly Option<bool> _rescale = new("--rescale")
    {
        Description = "measure the barrier also with the units of each place rescaled (REPAIR)",
    };

    readonly Option<int?> _steps = new("--steps")
    {
        Description = "steps of straight_through; 50 unless given",
    };

    readonly Option<double?> _rate = new("--learning-rate")
    {
        Description = "learning rate of straight_through; 0.001 unless given",
    };

    readonly Option<string?> _folded = new PathOption<string?>("--folded", PathUse.WritesFolder)
    {
        Description = "with --stream rotation: a new folder for the first model with folded LayerNorms",
        HelpName = "DIR",
    };

    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "folder for the second model in the first one's order, a new one", HelpName = "DIR",
        Required = true,
    };

    internal Command Create(GlobalOptions global)
    {
        var command = new Command("align", "Bring a model into another's order; it computes the same")
        {
            _models, _by, _stream, _batch, _text, _points, _rescale, _steps, _rate, _folded, _out,
        };
        _rules.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), new MergeAlignOptions
        {
            Model = parsed.GetValue(_models) ?? [], By = parsed.GetValue(_by)!,
            Stream = parsed.GetValue(_stream)!, Batch = parsed.GetValue(_batch),
            TextFile = parsed.GetValue(_text), Rules = _rules.Read(parsed),
            Points = parsed.GetValue(_points), Rescale = parsed.GetValue(_rescale),
            Steps = parsed.GetValue(_steps), LearningRate = parsed.GetValue(_rate),
            Folded = parsed.GetValue(_folded), Out = parsed.GetValue(_out)!,
        }));
        return command;
    }

    static int Run(Invocation run, MergeAlignOptions options)
    {
        MergeAlignResult made = run.RunJob(context => MergeAlignJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(made, MergeJobsJson.Default.MergeAlignResult);
        static string Share(double share) => share.ToString("0.0 %", CultureInfo.InvariantCulture);
        static string Nats(double nats) => nats.ToString("0.0000", CultureInfo.InvariantCulture);
        run.Line($"barrier {Nats(made.BarrierBefore)} before, {Nats(made.BarrierAfter)} after"
            + (made.BarrierRescaled is { } rescaled ? $", {Nats(rescaled)} rescaled" : "") + " (nats, on "
            + $"{Counted.Of(made.Tokens, "token")})");
        run.Line(made.StreamMoved is { } stream ? $"stream: {Share(stream)} of channels moved"
            : "stream: rotated");
        foreach (LayerMoves layer in made.Layers)
            run.Line($"layer {layer.Layer}: {Share(layer.NeuronsMoved)} of neurons, "
                + $"{Share(layer.HeadsMoved)} of heads moved");
        run.Line($"aligned by {made.By} in {made.Seconds.ToString("0.0", CultureInfo.InvariantCulture)} s: "
            + made.Out);
        return ExitCode.Done;
    }
}
