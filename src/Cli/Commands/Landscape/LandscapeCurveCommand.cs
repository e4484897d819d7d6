using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>landscape curve</c>: trains a path of small loss between two models.</summary>
sealed class LandscapeCurveCommand
{
    readonly Option<string[]> _models = LandscapeCommand.Models("folder of a model, once for each end");

    readonly TextOrBatchOptions _text = new();

    readonly Option<string> _shape = new("--shape")
    {
        Description = "bezier (smooth) or polygon (straight pieces)", HelpName = "NAME",
        DefaultValueFactory = _ => "bezier",
    };

    readonly Option<int> _bends = GlobalOptions.Number("--bends", 1, "inner points");

    readonly Option<int> _steps = GlobalOptions.Number("--steps", 200, "steps of Adam");

    readonly Option<float> _lr =
        GlobalOptions.Number("--lr", 3e-4f, "learning rate of the first step; half a cosine takes it to 0");

    readonly Option<int> _rows = GlobalOptions.Number("--batch-rows", 16, "rows of a step");

    readonly Option<int> _points =
        GlobalOptions.Number("--points", 51, "points at which the loss is measured");

    readonly Option<int> _checkpoint = GlobalOptions.Number("--checkpoint-every", 50, "steps");

    readonly Option<string> _out = LandscapeCommand.Out<string>(
        "folder of the run; the same call goes on where it stopped", required: true);

    internal Command Create(GlobalOptions global)
    {
        var command = new Command("curve", "Train a path of small loss between two models, and measure the "
            + "loss along it and along the straight line")
        {
            _models,
        };
        _text.AddTo(command);
        foreach (Option option in (Option[])[_shape, _bends, _steps, _lr, _rows, _points, _checkpoint, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LandscapeCurveOptions
        {
            Model = parsed.GetValue(_models) ?? [], Text = _text.Read(parsed),
            Shape = parsed.GetValue(_shape)!, Bends = parsed.GetValue(_bends),
            Steps = parsed.GetValue(_steps), Lr = parsed.GetValue(_lr), BatchRows = parsed.GetValue(_rows),
            Points = parsed.GetValue(_points), CheckpointEvery = parsed.GetValue(_checkpoint),
            Out = parsed.GetValue(_out)!,
        }));
        return command;
    }

    static int Run(Invocation run, LandscapeCurveOptions options)
    {
        LandscapeCurveResult result = run.RunJob(context => LandscapeCurveJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, LandscapeJobsJson.Default.LandscapeCurveResult);
        Table table = Invocation.Table("", "highest loss", "barrier");
        Invocation.Row(table, "path", $"{result.MaxLoss:0.0000}", $"{result.Barrier:0.0000}");
        Invocation.Row(
            table, "straight line", $"{result.LineMaxLoss:0.0000}", $"{result.LineBarrier:0.0000}");
        run.Draw(table);
        return ExitCode.Done;
    }
}
