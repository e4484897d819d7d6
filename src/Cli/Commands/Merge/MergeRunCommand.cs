using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>merge run</c>: makes one model of several.</summary>
sealed class MergeRunCommand
{
    readonly Argument<string?> _config = new("config")
    {
        Description = "a file of mergekit's YAML; or give --method and its models",
        Arity = ArgumentArity.ZeroOrOne, HelpName = "CONFIG",
    };

    readonly Option<string?> _method = new("--method")
    {
        Description = "a method of merge methods, instead of a file", HelpName = "NAME",
    };

    readonly Option<string[]> _models = new PathOption<string[]>("--model", PathUse.Reads)
    {
        Description = "folder of a model, once for each model", HelpName = "DIR",
    };

    readonly Option<string?> _base = new PathOption<string?>("--base", PathUse.Reads)
    {
        Description = "folder of the base model, which task vectors are measured from", HelpName = "DIR",
    };

    readonly Option<double[]> _weights = new("--weight")
    {
        Description = "share of a model, once for each model in their order", HelpName = "W",
    };

    readonly Option<double?> _t = new("--t")
    {
        Description = "slerp: 0 is the first model, or the base if one is named, 1 the other; nearswap: the "
            + "distance of near numbers",
    };

    readonly Option<double?> _density = new("--density")
    {
        Description = "share of each task vector that is kept, 0 to 1",
    };

    readonly Option<double?> _lambda = new("--lambda")
    {
        Description = "factor of the sum of task vectors",
    };

    readonly Option<string[]> _set = new("--set")
    {
        Description = "value of another parameter of the method, once for each", HelpName = "NAME=VALUE",
    };

    readonly Option<string[]> _texts = new PathOption<string[]>("--text-file", PathUse.Reads)
    {
        Description = "text of a method that measures models: once for all, or once for each in their order",
        HelpName = "F",
    };

    readonly Option<string[]> _batches = new PathOption<string[]>("--batch", PathUse.Reads)
    {
        Description = "instead of a text: a JSON list of lists of token ids, or of texts",
        HelpName = "FILE.json",
    };

    readonly TextRuleOptions _rules = new("document");

    readonly Option<string?> _align = new("--align")
    {
        Description = "bring the models into one order first, by weights, activations or straight_through",
        HelpName = "WHAT",
    };

    readonly Option<string?> _alignText = new PathOption<string?>("--align-text", PathUse.Reads)
    {
        Description = "the text that activations and straight_through read", HelpName = "F",
    };

    readonly Option<string> _out = new PathOption<string>("--out", PathUse.WritesFolder)
    {
        Description = "folder for the model, a new one", HelpName = "DIR", Required = true,
    };

    internal Command Create(GlobalOptions global)
    {
        var command = new Command("run", "Merge models as a file of mergekit's YAML says, or by flags")
        {
            _config, _method, _models, _base, _weights, _t, _density, _lambda, _set, _texts,
            _batches, _align, _alignText, _out,
        };
        _rules.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), new MergeRunOptions
        {
            Config = parsed.GetValue(_config), Method = parsed.GetValue(_method),
            Model = parsed.GetValue(_models) ?? [], Base = parsed.GetValue(_base),
            Weight = parsed.GetValue(_weights) ?? [], T = parsed.GetValue(_t),
            Density = parsed.GetValue(_density), Lambda = parsed.GetValue(_lambda),
            Set = parsed.GetValue(_set) ?? [], TextFile = parsed.GetValue(_texts) ?? [],
            Rules = _rules.Read(parsed), Batch = parsed.GetValue(_batches) ?? [],
            Align = parsed.GetValue(_align), AlignText = parsed.GetValue(_alignText),
            Out = parsed.GetValue(_out)!,
        }));
        return command;
    }

    static int Run(Invocation run, MergeRunOptions options)
    {
        MergeRunResult made = run.RunJob(context => MergeRunJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(made, MergeJobsJson.Default.MergeRunResult);
        run.Line($"{Counted.Of(made.Models.Count, "model")} by {made.Method}, "
            + $"{Counted.Of(made.Parameters, "parameter")} in {made.Seconds:0.0} s: {made.Out}");
        return ExitCode.Done;
    }
}
