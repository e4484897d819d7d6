using System.CommandLine;
using HeadTap.Reports;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>lens eval</c>: measures how close a lens comes to the model, in comparison with the logit lens.
/// </summary>
sealed class LensEvalCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly Option<string> _lens = new PathOption<string>("--lens", PathUse.Reads)
    {
        Description = "a folder that lens train wrote, or logit for the model's own unembedding",
        HelpName = "DIR|logit", Required = true,
    };
    readonly Option<string> _lensOf = LensPlaceOptions.LensOfOption();
    readonly Option<string?> _jacobian = new PathOption<string?>("--jacobian", PathUse.Reads)
    {
        Description = "a Jacobian lens to measure beside it, on the same positions", HelpName = "LENSDIR",
    };
    readonly Option<string?> _edit = TraceCommand.EditOption();
    readonly Option<string?> _file = new PathOption<string?>("--text-file", PathUse.Reads)
    {
        Description = "texts: .jsonl, .json and .csv have one a row, other files one document or several "
            + "with <|endoftext|> between them; rows end at the model's context",
        HelpName = "F",
    };
    readonly Option<string?> _batch = new PathOption<string?>("--batch", PathUse.Reads)
    {
        Description = "a JSON file with a list of lists of token ids, or of texts, a row each",
        HelpName = "FILE.json",
    };
    readonly TextRuleOptions _rules = new("document");
    readonly Option<string> _layers = Word("--layers", "all", "L,L|all",
        "layers from 0 with commas between, or all that the lens has");
    readonly Option<string> _positions = Word("--positions", "last", "last|all|N",
        "positions of a row: the last, all, or a number of them drawn at random");
    readonly Option<int> _top = GlobalOptions.Number("--top", 5, "k of a further top-k agreement");
    readonly Option<int> _ablation = GlobalOptions.Number("--ablation", 0,
        "prompts, from the first, whose responsible head is removed; 0 for none");
    readonly Option<int> _agreement = GlobalOptions.Number("--agreement", 0,
        "prompts, from the first, of which every head is removed alone: rank correlation of its effect with "
        + "what each lens says; 0 for none");
    readonly Option<string> _removal = Word("--ablation-to", "zero", "zero|mean", RemovalHelp);

    const string RemovalHelp = "what a removed head's results become: zero, or their mean over the prompt";

    internal static Command Create(GlobalOptions global) => new LensEvalCommand().Make(global);

    /// <summary>The option of verbs in which removing heads is itself an option.</summary>
    internal static Option<string?> RemovalOption() => new("--ablation-to")
    {
        Description = RemovalHelp + "; zero unless given", HelpName = "zero|mean",
    };

    static Option<string> Word(string name, string absent, string help, string description) => new(name)
    {
        Description = description, HelpName = help, DefaultValueFactory = _ => absent,
    };

    Command Make(GlobalOptions global)
    {
        var command = new Command("eval", "KL, agreement and entropy of lenses and of each head, beside the "
            + "logit lens; whether the heads they call responsible are");
        foreach (Option option in (Option[])[_model, _lens, _lensOf, _jacobian, _batch, _file, _edit, _layers,
            _positions, _top, _ablation, _agreement, _removal])
            command.Options.Add(option);
        _rules.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new LensEvalOptions
        {
            Model = parsed.GetValue(_model)!,
            Lens = parsed.GetValue(_lens)!,
            LensOf = parsed.GetValue(_lensOf)!,
            Jacobian = parsed.GetValue(_jacobian),
            Edit = parsed.GetValue(_edit),
            TextFile = parsed.GetValue(_file),
            Batch = parsed.GetValue(_batch),
            Rules = _rules.Read(parsed),
            Layers = parsed.GetValue(_layers)!,
            Positions = parsed.GetValue(_positions)!,
            Top = parsed.GetValue(_top),
            Ablation = parsed.GetValue(_ablation),
            Agreement = parsed.GetValue(_agreement),
            AblationTo = parsed.GetValue(_removal)!,
        };
        LensEvalResult found = run.RunJob(context => LensEvalJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(found, LensJobsJson.Default.LensEvalResult);
        Print(run, found);
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensEvalResult found)
    {
        run.Line($"lens       {found.LensLine}");
        run.Line($"positions  {found.Positions} of {Counted.Of(found.Rows, "row")} ({found.Chosen})");
        run.Line($"model      entropy {found.ModelEntropy:0.000} nats; KL from unigram "
            + (found.KlUnigram is { } kl ? $"{kl:0.000}" : "unknown"));
        bool other = found.Top is not (1 or 5);
        Table table = Invocation.Table(["layer", "KL", "logit lens", "normalized",
            .. found.Jacobian is null ? (string[])[] : ["Jacobian lens"], "top-1", "top-5",
            .. other ? (string[])[$"top-{found.Top}"] : [], "entropy",
            .. found.ReadsHeads ? (string[])["closest head"] : []]);
        foreach ((int i, LensEvalPlace layer) in found.Layers.Index())
            Invocation.Row(table, [$"{layer.Layer}", $"{layer.Score.Kl:0.000}",
                $"{layer.LogitLens?.Kl:0.000}", $"{layer.Normalized?.Kl:0.000}",
                .. found.Jacobian is { } jacobian ? (string[])[$"{jacobian[i].Score.Kl:0.000}"] : [],
                $"{layer.Score.Top1:P1}", $"{layer.Score.Top5:P1}",
                .. other ? (string[])[$"{layer.Score.TopK:P1}"] : [],
                $"{layer.Score.Entropy:0.000}",
                .. found.ReadsHeads
                    ? (string[])[Closest(found.Heads.Where(h => h.Layer == layer.Layer))] : []]);
        run.Draw(table);
        if (found.Ablation is { } removed)
            Print(run, removed);
        if (found.Agreement is { } agreement)
            Print(run, agreement);
        run.Remark("KL(model || lens) in nats; top-k: share of positions where the model's most probable "
            + "token is among the lens' k most probable");
    }

    static string Closest(IEnumerable<LensEvalPlace> heads)
        => heads.MinBy(h => h.Score.Kl) is { } head ? $"{head.Head} ({head.Score.Kl:0.000})" : "";

    static void Print(Invocation run, LensAblation removed)
    {
        run.Line("heads that are called responsible, removed: change of log p(answer), "
            + $"{Counted.Of(removed.Prompts, "prompt")}");
        Table table = Invocation.Table(
            "called by", "responsible", "beside", "other", "difference", "95 %", "lowers more");
        foreach ((string by, LensAblationOutcome? outcome) in new[]
            {
                ("lens", removed.Lens), ("logit lens", removed.LogitLens),
                ("Jacobian lens", removed.Jacobian),
            })
            if (outcome is not null)
                foreach ((string beside, LensAblationContrast? contrast) in new[]
                    { ("any head", outcome.Random), ("its layer's", outcome.SameLayer) })
                    if (contrast is { } c)
                        Invocation.Row(table, by, $"{outcome.Change:0.000}", beside, $"{c.Change:0.000}",
                            $"{c.Difference:0.000}",
                            Range(c.Low, c.High),
                            $"{c.LowersMore:P0}");
        run.Draw(table);
    }

    static void Print(Invocation run, IReadOnlyList<LensAgreement> agreement)
    {
        run.Line("favour of each head beside the effect of its removal (its results become "
            + $"{(agreement[0].To == "mean" ? "their mean" : "zero")}): correlation of ranks, "
            + Counted.Of(agreement[0].Prompts, "prompt"));
        Table table = Invocation.Table(
            "said by", "all heads", "95 %", "heads of a prompt", "95 %", "its first, removed");
        foreach (LensAgreement a in agreement)
            Invocation.Row(table, a.By, Known(a.Rank), Range(a.Low, a.High), Known(a.ByPrompt),
                Range(a.ByPromptLow, a.ByPromptHigh),
                $"{a.Change:0.000}");
        run.Draw(table);
    }

    // One prompt has no interval, and heads of one size have no order.
    static string Range(double low, double high)
        => double.IsNaN(low) ? "none" : $"{Known(low)} to {Known(high)}";

    static string Known(double value) => double.IsNaN(value) ? "none" : NumberText.Of(value, "0.000");
}
