using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>landscape plane</c>: loss and accuracy on a plane through weight space.</summary>
sealed class LandscapePlaneCommand
{
    readonly Option<string[]> _models = new PathOption<string[]>("--model", PathUse.Reads)
    {
        Description = "folder of a model: one for random, three for models, the checkpoints of a run in "
            + "their order for pca",
        HelpName = "DIR", Required = true,
    };

    readonly Option<string> _directions = new("--directions")
    {
        Description = "random: two filter-normalised directions; models: the plane through three; pca: where "
            + "checkpoints vary most",
        HelpName = string.Join('|', LandscapePlaneJob.Directions), DefaultValueFactory = _ => "random",
    };

    readonly Option<int> _size = GlobalOptions.Number("--size", 51, "points of a side");

    readonly Option<double?> _range = GlobalOptions.OptionalNumber<double>("--range",
        "random: both directions from -N to N, 1 unless given; else the side, as a multiple of the box "
            + "around the models, 1.4 unless given");

    readonly Option<string?> _ensemble = EnsembleOptions.Rule("models: measure too what the three "
        + "say together, by the mean of their probabilities or logits or by vote");

    readonly LandscapeTextOptions _texts = new(test: false);

    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "folder for JSONL, CSV, npy, SVG and a page; the same call goes on", HelpName = "DIR",
        Required = true,
    };

    internal Command Create(GlobalOptions global) => Make(global, Run);

    /// <summary>The same options for <c>sweep plan</c>.</summary>
    internal Command CreatePlan(GlobalOptions global) => Make(global, SweepPlanCommand.Run);

    Command Make(GlobalOptions global, Func<Invocation, LandscapePlaneOptions, int> run)
    {
        var command = new Command("plane",
            "Loss and accuracy on a plane: contours and a surface that turns, in a page")
        {
            _models, _directions, _size, _range, _ensemble,
        };
        _texts.AddTo(command);
        command.Options.Add(_out);
        command.SetAction(parsed => run(global.Of(parsed), new LandscapePlaneOptions
        {
            Model = parsed.GetValue(_models)!, Directions = parsed.GetValue(_directions)!,
            Size = parsed.GetValue(_size), Range = parsed.GetValue(_range), Texts = _texts.Read(parsed),
            Ensemble = EnsembleOptions.Given(parsed, _ensemble), Out = parsed.GetValue(_out)!,
        }));
        return command;
    }

    static int Run(Invocation run, LandscapePlaneOptions options)
    {
        Show(run, run.RunJob(context => LandscapePlaneJob.Run(options, context)));
        return ExitCode.Done;
    }

    /// <summary>Prints a result.</summary>
    internal static void Show(Invocation run, LandscapePlaneResult found)
    {
        if (run.Json)
        {
            run.WriteJson(found, LandscapeJobsJson.Default.LandscapePlaneResult);
            return;
        }
        foreach (LandscapeMark mark in found.Models)
            run.Line($"{mark.Model}  at {mark.X:0.####}, {mark.Y:0.####}  loss {mark.Loss:0.0000}  accuracy "
                + $"{mark.Accuracy:P2}");
        if (found.Explained is { } explained)
            run.Line($"the plane holds {explained[0] + explained[1]:P2} of the checkpoints' variance");
        if (found.Ensemble is { } ensemble)
            run.Line($"ensemble of the three: {ensemble.Describe()}");
        if (found.Lowest is { } low)
            run.Line($"lowest of {Counted.Of(found.Points.Count, "point")}: {low.Loss:0.0000} nats at "
                + $"{low.X:0.####}, {low.Y:0.####}");
        run.Line(found.Page);
    }
}
