using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>landscape vectors</c>: measures task vectors and the loss of their sums.</summary>
sealed class LandscapeVectorsCommand
{
    readonly Option<string> _base = new PathOption<string>("--base", PathUse.Reads)
    {
        Description = "folder of the model that the others were trained from", HelpName = "DIR",
        Required = true,
    };

    readonly Option<string[]> _models =
        LandscapeCommand.Models("folder of a model, once for each; they are named A, B, C ... in this order");

    readonly TextOrBatchOptions _text = new();

    readonly Option<string[]> _analogy = new("--analogy")
    {
        Description = "three letters, A,B,C for the loss of A + B - C; may be given several times",
        HelpName = "A,B,C",
    };

    readonly Option<double[]> _lambda = new("--lambda")
    {
        Description = "factor of every sum; may be given several times; 1 unless given", HelpName = "L",
    };

    readonly Option<string?> _out =
        LandscapeCommand.Out<string?>("a new folder for rows, tables, picture and page", required: false);

    internal Command Create(GlobalOptions global)
    {
        var command = new Command("vectors", "Task vectors: norms, cosines, sign conflicts; with texts the "
            + "loss with each, with their sum, and with each taken away")
        {
            _base, _models,
        };
        _text.AddTo(command);
        foreach (Option option in (Option[])[_analogy, _lambda, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LandscapeVectorsOptions
        {
            Base = parsed.GetValue(_base)!, Model = parsed.GetValue(_models) ?? [],
            Text = _text.Read(parsed), Analogy = parsed.GetValue(_analogy) ?? [],
            Lambda = parsed.GetValue(_lambda) ?? [], Out = parsed.GetValue(_out),
        }));
        return command;
    }

    static int Run(Invocation run, LandscapeVectorsOptions options)
    {
        LandscapeVectorsResult result = run.RunJob(context => LandscapeVectorsJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, LandscapeJobsJson.Default.LandscapeVectorsResult);
        Table table = Invocation.Table(["", "norm", .. result.Models.Select(m => $"cosine with {m.Name}")]);
        foreach ((int i, VectorModel m) in result.Models.Index())
            Invocation.Row(table, [$"{m.Name} {m.Folder}", Number(result.All.Norms[i]),
                .. result.All.Cosines[i].Select(c => c is { } given ? Number(given) : "none")]);
        run.Draw(table);
        run.Line(result.All.SignConflicts is { } share
            ? $"sign conflicts {share:0.0%} of the numbers at which at least two task vectors are not 0"
            : "sign conflicts none: no number has two task vectors that are not 0");
        if (result.Points.Count > 0)
        {
            Table points = Invocation.Table("base + lambda times", "lambda", "loss", "accuracy");
            foreach (VectorPoint p in result.Points)
                Invocation.Row(points, p.Sum, Number(p.Lambda), Number(p.Loss), $"{p.Accuracy:0.0%}");
            run.Draw(points);
        }
        return ExitCode.Done;
    }

    static string Number(double value) => value.ToString("0.0000", CultureInfo.InvariantCulture);
}
