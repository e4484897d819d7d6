using System.CommandLine;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>inject run</c>: runs one prompt without and with a memory.</summary>
sealed class InjectRunCommand
{
    readonly Option<string?> _memory = new("--memory") { Description = "the memory, as it stands: "
        + "a space that belongs to it is written", HelpName = "S" };
    readonly Option<string?> _memoryIds = new("--memory-ids") { Description = "the memory as token ids",
        HelpName = "1,2" };
    readonly Option<string?> _answer =
        new("--answer") { Description = "the answer; the first token of a space "
        + "and it is scored", HelpName = "S" };
    readonly Option<int?> _answerId =
        new("--answer-id") { Description = "the answer as a token id", HelpName = "N" };
    readonly Option<string> _layer = new("--layer") { Description = "the layer, from 0; several with commas",
        HelpName = "L", Required = true };
    readonly Option<float> _tau = GlobalOptions.Number("--tau", 3f, "the magnitude");
    readonly Option<bool> _relative = new("--relative") { Description = "tau in units of the stream's norm" };
    readonly Option<string> _encoder = new("--encoder") { Description = "unembed, embed, layer or "
        + "jacobian", DefaultValueFactory = _ => "unembed" };
    readonly Option<string?> _lens = JacobianLensOption.Create();
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<string> _site =
        new("--site") { Description = "attn_out, result, mlp_out, resid_pre, resid_mid "
        + "or resid_post", DefaultValueFactory = _ => "attn_out" };
    readonly Option<int?> _head = new("--head") { Description = "the head of --site result", HelpName = "H" };
    readonly Option<string> _position = new("--position") { Description = "all, last, or a span like 2-4",
        DefaultValueFactory = _ => "all" };
    readonly Option<int> _top = GlobalOptions.Number("--top", 10, "tokens to list");
    readonly Option<string?> _editOut =
        new PathOption<string?>("--edit-out", PathUse.WritesFile)
        {
            Description = "writes the injection as an edit spec, for trace --edit and generate --edit",
            HelpName = "SPEC.json",
        };

    internal static Command Create(GlobalOptions global) => new InjectRunCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var prompt = new PromptOptions();
        var command = new Command("run",
            "One prompt: next tokens and the answer's standing before and after");
        prompt.AddTo(command);
        foreach (Option option in (Option[])[_memory, _memoryIds, _answer, _answerId, _layer,
            _tau, _relative, _encoder, _lens,
            _weights, _site, _head, _position, _top, _editOut])
            command.Options.Add(option);
        command.SetAction(parsed => Run(global.Of(parsed), Options(prompt.Request(parsed), parsed)));
        return command;
    }

    InjectRunOptions Options(PromptRequest prompt, ParseResult parsed) => new()
    {
        Prompt = prompt,
        Memory = parsed.GetValue(_memory),
        MemoryIds = parsed.GetValue(_memoryIds),
        Answer = parsed.GetValue(_answer),
        AnswerId = parsed.GetValue(_answerId),
        Layer = parsed.GetValue(_layer)!,
        Tau = parsed.GetValue(_tau),
        Relative = parsed.GetValue(_relative),
        Encoder = parsed.GetValue(_encoder)!,
        Lens = parsed.GetValue(_lens),
        Weights = parsed.GetValue(_weights)!,
        Site = parsed.GetValue(_site)!,
        Head = parsed.GetValue(_head),
        Position = parsed.GetValue(_position)!,
        Top = parsed.GetValue(_top),
        EditOut = parsed.GetValue(_editOut),
    };

    static int Run(Invocation run, InjectRunOptions options)
    {
        IReadOnlyList<InjectRunResult> all = run.RunJob(context => InjectRunJob.All(options, context));
        if (run.Json)
            return all is [var one] ? run.WriteJson(one, InjectJobsJson.Default.InjectRunResult)
                : run.WriteJson(all, InjectJobsJson.Default.IReadOnlyListInjectRunResult);
        foreach (InjectRunResult found in all)
            Print(run, found);
        return ExitCode.Done;
    }

    static void Print(Invocation run, InjectRunResult found)
    {
        Table table = Invocation.Table("before", "p", "after", "p ");
        foreach ((ChanceOfToken before, ChanceOfToken after) in found.TopBefore.Zip(found.TopAfter))
            Invocation.Row(table, VisibleText.Of(before.Text), $"{before.P:P2}", VisibleText.Of(after.Text),
                $"{after.P:P2}");
        run.Draw(table);
        run.Line($"answer     {VisibleText.Of(found.Answer)} ({found.AnswerId})");
        run.Line($"p          {found.ProbabilityBefore:P3} -> {found.ProbabilityAfter:P3}");
        run.Line($"rank       {found.RankBefore} -> {found.RankAfter}");
        run.Line($"surprisal  {found.SurprisalBefore:0.000} -> {found.SurprisalAfter:0.000} nats");
    }
}
