using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>landscape line</c>: loss and accuracy on the straight line between models.</summary>
sealed class LandscapeLineCommand
{
    // Rows of the printed table; --json and the folder have all points.
    const int Printed = 11;

    readonly Option<string[]> _models = new PathOption<string[]>("--model", PathUse.Reads)
    {
        Description = "folder of a model, once for each of two or more; alpha 0 is the first",
        HelpName = "DIR", Required = true,
    };

    readonly LandscapeTextOptions _texts = new(test: true);

    readonly Option<int> _points = GlobalOptions.Number("--points", 401,
        "points of a line, both ends included");

    readonly Option<string?> _ensemble = EnsembleOptions.Rule("measure too what the models say "
        + "together: the mean of their probabilities or logits, or the token that most find most probable");

    readonly Option<string?> _out = new PathOption<string?>("--out", PathUse.WritesFolder)
    {
        Description = "folder for JSONL, CSV, npy, SVG and a page; the same call goes on", HelpName = "DIR",
    };

    internal Command Create(GlobalOptions global) => Make(global, Run);

    /// <summary>The same options for <c>sweep plan</c>.</summary>
    internal Command CreatePlan(GlobalOptions global) => Make(global, SweepPlanCommand.Run);

    Command Make(GlobalOptions global, Func<Invocation, LandscapeLineOptions, int> run)
    {
        var command = new Command("line",
            "Loss and accuracy on the straight line between models, and its barrier") { _models };
        _texts.AddTo(command);
        command.Options.Add(_points);
        command.Options.Add(_ensemble);
        command.Options.Add(_out);
        command.SetAction(parsed => run(global.Of(parsed), new LandscapeLineOptions
        {
            Model = parsed.GetValue(_models)!, Texts = _texts.Read(parsed), Points = parsed.GetValue(_points),
            Ensemble = EnsembleOptions.Given(parsed, _ensemble), Out = parsed.GetValue(_out),
        }));
        return command;
    }

    static int Run(Invocation run, LandscapeLineOptions options)
    {
        Show(run, run.RunJob(context => LandscapeLineJob.Run(options, context)));
        return ExitCode.Done;
    }

    /// <summary>Prints a result.</summary>
    internal static void Show(Invocation run, LandscapeLineResult found)
    {
        if (run.Json)
        {
            run.WriteJson(found, LandscapeJobsJson.Default.LandscapeLineResult);
            return;
        }
        Table table = new Table().Border(TableBorder.Simple);
        foreach (string column in (string[])["alpha", "loss", "accuracy", .. found.TestBarrier is null
            ? (string[])[] : ["test loss", "test accuracy"]])
            table.AddColumn(new TableColumn(new Text(column)).RightAligned());
        int last = found.Points.Count - 1, rows = Math.Min(Printed, found.Points.Count);
        foreach (int i in Enumerable.Range(0, rows).Select(r => r * last / (rows - 1)).Distinct())
        {
            LandscapeLinePoint p = found.Points[i];
            Invocation.Row(table, [$"{p.Alpha:0.###}", $"{p.Loss:0.0000}", $"{p.Accuracy:P2}",
                .. p.TestLoss is null ? (string[])[] : [$"{p.TestLoss:0.0000}", $"{p.TestAccuracy:P2}"]]);
        }
        run.Draw(table);
        run.Line($"barrier   {found.Barrier:0.0000} nats at alpha {found.BarrierAlpha:0.####}"
            + (found.TestBarrier is { } test ? $"; {test:0.0000} on the test texts" : ""));
        run.Line($"centroid  {found.Centroid.Loss:0.0000} nats, {found.Centroid.Barrier:+0.0000;-0.0000} "
            + $"against the models' mean; accuracy {found.Centroid.Accuracy:P2}");
        if (found.Ensemble is { } ensemble)
            run.Line($"ensemble  {ensemble.Describe()}");
        foreach (LandscapePair pair in (found.Pairs ?? []).Skip(1))
            run.Line($"barrier   {pair.Barrier:0.0000} nats at alpha {pair.BarrierAlpha:0.####} from "
                + $"{found.Models[pair.From]} to {found.Models[pair.To]}");
    }
}
