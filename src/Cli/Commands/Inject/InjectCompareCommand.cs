using System.CommandLine;
using HeadTap.Inject;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>inject compare</c>: compares the attention outputs for a single-hop and a multi-hop prompt.
/// </summary>
sealed class InjectCompareCommand
{
    const int ShownTokens = 4, ShownHeads = 8;
    const string Single = "single-hop writes", Multi = "multi-hop writes";

    readonly Option<string> _model = PromptOptions.ModelOption(required: true);
    readonly PairPromptOptions _pair = new(required: true);
    readonly Option<int> _top = GlobalOptions.Number("--top", 20, "tokens of each list that are compared");
    readonly Option<string> _encoder = JacobianLensOption.Encoder("how vectors are read as tokens");
    readonly Option<string?> _lens = JacobianLensOption.Create();
    readonly Option<string> _weights = InjectCommand.WeightsOption();
    readonly Option<string?> _report = new PathOption<string?>("--report", PathUse.WritesFile)
    {
        Description = "a page with maps over layers and heads, lines over layers and all lists",
        HelpName = "F.html",
    };

    internal static Command Create(GlobalOptions global) => new InjectCompareCommand().Make(global);

    Command Make(GlobalOptions global)
    {
        var command = new Command("compare",
            "What attention writes, by layer and head, when a prompt names the entity and when it goes "
            + "round it")
        {
            _model, _top, _encoder, _lens, _weights, _report,
        };
        _pair.AddTo(command);
        command.SetAction(parsed => Run(global.Of(parsed), parsed));
        return command;
    }

    int Run(Invocation run, ParseResult parsed)
    {
        var options = new InjectCompareOptions
        {
            Model = parsed.GetValue(_model)!,
            Pair = _pair.Read(parsed),
            Top = parsed.GetValue(_top),
            Encoder = parsed.GetValue(_encoder)!,
            Lens = parsed.GetValue(_lens),
            Weights = parsed.GetValue(_weights)!,
            Report = parsed.GetValue(_report),
        };
        InjectCompareResult result = run.RunJob(context => InjectCompareJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(result, InjectJobsJson.Default.InjectCompareResult);
        Print(run, result.Shown!, options.Report);
        return ExitCode.Done;
    }

    static void Print(Invocation run, ShownComparison shown, string? page)
    {
        run.Draw(Table(shown, shown.Found.Layers));
        run.Line("heads that write the bridge highest for the single-hop prompt");
        run.Draw(Table(shown,
            shown.Found.Heads.OrderBy(p => p.Explicit.Bridge!.Value.Best).Take(ShownHeads)));
        run.Line("single > multi: ranks in what is written for each prompt (1 is the top), best of the "
            + $"tokens of {VisibleText.Of(" " + shown.Pair.Pair.Bridge)}");
        if (page is not null)
            run.Line($"report   {page}");
    }

    static Table Table(ShownComparison shown, IEnumerable<PlaceComparison> places)
    {
        Table table = shown.HasAnswer
            ? Invocation.Table("place", "cosine", "shared", "bridge", "answer", Single, Multi)
            : Invocation.Table("place", "cosine", "shared", "bridge", Single, Multi);
        foreach (PlaceComparison place in places)
            Invocation.Row(table, [.. ComparisonReport.Cells(place, shown, ShownTokens)]);
        return table;
    }
}
