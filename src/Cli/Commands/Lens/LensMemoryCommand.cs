using System.CommandLine;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>lens memory</c>: reads a memory from a head in the single-hop run and injects it in the multi-hop run.
/// </summary>
sealed class LensMemoryCommand
{
    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly LensPlaceOptions _places = new(top: 5, every: "auto");
    readonly Option<string?> _from = Text("--from", "the single-hop prompt, whose heads are read");
    readonly Option<string?> _into = Text("--into", "the multi-hop prompt, which receives the memory");
    readonly Option<string?> _answer = Text("--answer",
        "the right continuation; the first token of a space and it is followed, and chooses nothing");
    readonly Option<string?> _pairs = new PathOption<string?>("--pairs", PathUse.Reads)
    {
        Description = "in place of one pair: atlas for pairs of the atlas, or a .jsonl or .csv file",
        HelpName = "atlas|F",
    };
    readonly Option<string?> _split = new("--split")
    {
        Description = "only pairs of this part of --pairs; test for the atlas unless named",
        HelpName = "NAME",
    };
    readonly Option<float> _tau = GlobalOptions.Number("--tau", 3f, "the magnitude");
    readonly Option<int?> _at = new("--at-layer")
    {
        Description = "the layer that receives the memory; the head's own unless named", HelpName = "L",
    };
    readonly Option<string> _position = new("--position")
    {
        Description = "positions that receive it: all or last", DefaultValueFactory = _ => "all",
    };
    readonly Option<bool> _without = new("--without-next")
    {
        Description = "leave the single-hop run's own next token out of the memory",
    };
    readonly TextRuleOptions _rules = new("prompt", files: false);
    readonly Option<string?> _editOut = new PathOption<string?>("--edit-out", PathUse.WritesFile)
    {
        Description = "writes the injection as an edit spec, for trace --edit and generate --edit",
        HelpName = "SPEC.json",
    };

    internal static Command Create(GlobalOptions global) => new LensMemoryCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("memory", "Make a memory of what a head writes in a single-hop run, and "
            + "inject it in a multi-hop run");
        command.Options.Add(_model);
        _places.AddTo(command);
        foreach (Option option in (Option[])
            [_from, _into, _answer, _pairs, _split, _tau, _at, _position, _without, _editOut])
            command.Options.Add(option);
        _rules.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new LensMemoryOptions
        {
            Model = parsed.GetValue(_model)!,
            Places = _places.Read(parsed),
            From = parsed.GetValue(_from),
            Into = parsed.GetValue(_into),
            Answer = parsed.GetValue(_answer),
            Pairs = parsed.GetValue(_pairs),
            Split = parsed.GetValue(_split),
            Tau = parsed.GetValue(_tau),
            AtLayer = parsed.GetValue(_at),
            Position = parsed.GetValue(_position)!,
            WithoutNext = parsed.GetValue(_without),
            Rules = _rules.Read(parsed),
            EditOut = parsed.GetValue(_editOut),
        };
        LensMemoryResult found = run.RunJob(context => LensMemoryJob.Run(options, context));
        if (run.Json)
            return found.One is { } one ? run.WriteJson(one, LensJobsJson.Default.LensMemoryOneResult)
                : run.WriteJson(found.All!, LensJobsJson.Default.LensMemoryAllResult);
        if (found.One is { } pair)
            Print(run, pair);
        if (found.All is { } pairs)
            Print(run, pairs);
        return ExitCode.Done;
    }

    static void Print(Invocation run, LensMemoryAllResult found)
    {
        Table table = Invocation.Table("memory", "mean p", "rank 1", "repaired", "lost", "holds the answer");
        foreach (LensMemoryOutcome o in found.Memories)
            Invocation.Row(table, o.Name, $"{o.MeanProbability:P1}", $"{o.ShareFirst:P1}", $"{o.Repaired}",
                $"{o.Lost}", $"{o.HoldsAnswer:P1}");
        run.Draw(table);
        run.Line($"{Counted.Of(found.Pairs, "pair")}; memories of at most "
            + $"{Counted.Of(found.Tokens, "token")}, tau {found.Tau}, "
            + (found.AtLayer is { } l ? $"layer {l}" : "the favourite head's layer")
            + (found.LastPosition ? ", last position" : ", all positions"));
    }

    static void Print(Invocation run, LensMemoryOneResult found)
    {
        run.Line($"lens       {found.LensLine}");
        run.Line($"single-hop {LensWriting.List(found.SingleHop)}");
        run.Line($"head       {found.Layer}.{found.Head}"
            + (found.Heads > 1
                ? $", of {found.Heads} the one that favours {VisibleText.Of(found.Next)} most" : "")
            + $" ({LensWriting.Favour(found.Favour)})");
        run.Line($"memory     {string.Join(' ', found.Memory.Select(VisibleText.Of))}"
            + (found.HoldsAnswer ? " (the answer is in it)" : " (the answer is not in it)"));
        run.Line($"into       layer {found.AtLayer}, tau {found.Tau}, "
            + (found.LastPosition ? "last position" : "all positions"));
        run.Line($"answer     {VisibleText.Of(found.Answer)} ({found.AnswerId})");
        run.Line($"p          {found.ProbabilityBefore:P3} -> {found.ProbabilityAfter:P3}");
        run.Line($"rank       {found.RankBefore} -> {found.RankAfter}");
    }

    static Option<string?> Text(string name, string description)
        => new(name) { Description = description, HelpName = "S" };
}
