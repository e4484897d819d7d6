using System.CommandLine;
using System.Globalization;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>landscape curvature</c>: measures the Hessian of a model's loss.</summary>
sealed class LandscapeCurvatureCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);

    readonly TextOrBatchOptions _text = new();

    readonly Option<int> _top = GlobalOptions.Number("--top", 5, "how many of the largest eigenvalues");

    readonly Option<int> _steps =
        GlobalOptions.Number("--steps", 30, "products with the Hessian for each random vector");

    readonly Option<int> _probes =
        GlobalOptions.Number("--probes", 4, "random vectors for the trace and the spectral density");

    readonly Option<string?> _out = LandscapeCommand.Out<string?>(
        "folder for rows, tables, picture and page; the same call goes on where it stopped", required: false);

    internal Command Create(GlobalOptions global)
    {
        var command = new Command("curvature",
            "Largest eigenvalues, trace and spectral density of the loss's Hessian, with their errors")
        {
            _model,
        };
        _text.AddTo(command);
        foreach (Option option in (Option[])[_top, _steps, _probes, _out])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), new LandscapeCurvatureOptions
        {
            Model = parsed.GetValue(_model)!, Text = _text.Read(parsed), Top = parsed.GetValue(_top),
            Steps = parsed.GetValue(_steps), Probes = parsed.GetValue(_probes), Out = parsed.GetValue(_out),
        }));
        return command;
    }

    static int Run(Invocation run, LandscapeCurvatureOptions options)
    {
        LandscapeCurvatureResult result = run.RunJob(context => LandscapeCurvatureJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, LandscapeJobsJson.Default.LandscapeCurvatureResult);
        run.Line($"loss {Number(result.Loss)} nats");
        Table table = Invocation.Table("", "eigenvalue", "error");
        foreach ((int i, CurvatureEigenvalue e) in result.Eigenvalues.Index())
            Invocation.Row(table, $"{i + 1}", Number(e.Value), Number(e.Error));
        run.Draw(table);
        run.Line($"trace {Number(result.Trace)}" + (result.TraceStandardError is { } error
            ? $", standard error {Number(error)}" : "") + $"; smallest Ritz value {Number(result.Smallest)}");
        return ExitCode.Done;
    }

    static string Number(double value) => value.ToString("g5", CultureInfo.InvariantCulture);
}
