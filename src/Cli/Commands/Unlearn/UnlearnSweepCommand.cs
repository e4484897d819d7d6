using System.CommandLine;
using System.Globalization;
using HeadTap.Runtime;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>
/// <c>unlearn sweep</c>: measures every combination of methods, budgets, options, seeds and checkpoints.
/// </summary>
sealed class UnlearnSweepCommand
{
    readonly Option<string> _models = new PathOption<string>("--model", PathUse.Reads)
    {
        Description = "model folders with commas between: checkpoints of one model",
        HelpName = "DIR,DIR", HasCommas = true,
        Required = true,
    };
    readonly Option<string> _methods = Words("--methods", "all", "NAME,NAME",
        "all, or some of " + string.Join(", ", MethodCatalog.All.Select(m => m.Name)));
    // The published budgets: arXiv 2410.02159.
    readonly Option<string> _budgets = Words("--budgets",
        "0.00001,0.0001,0.001,0.01,0.05,0.1,0.25,0.3,0.5,0.8", "R,R", "shares from 0 to 1");
    readonly Option<string?> _seeds = new("--seeds")
    {
        Description = "whole numbers with commas between; --seed alone unless given. A method that draws "
            + "nothing runs once",
        HelpName = "N,N",
    };
    readonly ForgetOptions _forget = new();
    readonly Option<string[]> _tests = new PathOption<string[]>("--test", PathUse.Reads)
    {
        Description = "files of sequences; accuracy is the mean of theirs", HelpName = "FILE.jsonl",
        AllowMultipleArgumentsPerToken = true,
    };
    readonly Option<int?> _pad = GlobalOptions.OptionalNumber<int>("--pad-token",
        "measure test accuracy with rows filled up to the context too, by this token (TinyMem: 13)");
    readonly Option<string[]> _after = UnlearnMeasureCommand.AfterOption();
    readonly MethodFlags _flags = new(lists: true);
    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "the folder of the results", HelpName = "DIR", Required = true,
    };
    readonly Option<bool> _resume = new("--resume")
    {
        Description = "accepted; the same call goes on by itself",
    };

    internal static Command Create(GlobalOptions global) => new UnlearnSweepCommand().Make(global, Run);

    /// <summary>The same options for <c>sweep plan</c>.</summary>
    internal static Command CreatePlan(GlobalOptions global)
        => new UnlearnSweepCommand().Make(global, SweepPlanCommand.Run);

    static Option<string> Words(string name, string absent, string help, string description) => new(name)
    {
        Description = description, HelpName = help, DefaultValueFactory = _ => absent,
    };

    Command Make(GlobalOptions global, Func<Invocation, UnlearnSweepOptions, int> run)
    {
        var command = new Command("sweep",
            "Methods at budgets with options and seeds on checkpoints: every cell measured, in parallel");
        foreach (Option option in (Option[])[_models, _methods, _budgets, _seeds])
            command.Options.Add(option);
        _forget.AddTo(command);
        foreach (Option option in (Option[])[_tests, _pad, _after, _out, _resume])
            command.Options.Add(option);
        _flags.AddTo(command);
        command.SetAction(parsed => run(global.Of(parsed), Read(parsed)));
        return command;
    }

    static int Run(Invocation run, UnlearnSweepOptions options)
    {
        UnlearnTable.Print(run, run.RunJob(context => UnlearnSweepJob.Run(options, context)));
        return ExitCode.Done;
    }

    UnlearnSweepOptions Read(ParseResult parsed)
    {
        string methods = parsed.GetValue(_methods)!;
        return new()
        {
            Model = parsed.GetValue(_models)!.Split(','),
            Methods = methods == "all" ? null : methods.Split(','),
            Budgets = [.. List("--budgets", parsed.GetValue(_budgets)!, 0, 1)],
            Seeds = parsed.GetValue(_seeds) is { } text ? [.. text.Split(',').Select(Seed)] : null,
            Sets = _forget.Read(parsed),
            Test = parsed.GetValue(_tests) ?? [],
            PadToken = parsed.GetValue(_pad),
            After = parsed.GetValue(_after) ?? [],
            MethodOptions = _flags.Read(parsed),
            Out = parsed.GetValue(_out)!,
        };
    }

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
