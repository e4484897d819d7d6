using System.CommandLine;
using System.Diagnostics;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary><c>tour</c>: shows all experiments on the shipped model.</summary>
static class TourCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string?> model = new PathOption<string?>("--model", PathUse.Reads)
        {
            Description = "another model than the shipped one", HelpName = "DIR",
        };
        Option<string> output = new PathOption<string>("--out", PathUse.WritesFile)
        {
            Description = "the report", HelpName = "F.html", DefaultValueFactory = _ => "headtap-tour.html",
        };
        var command = new Command("tour",
            "Ask the shipped model, look into its heads and patch them, inject a memory, make it forget a "
            + "code, merge two edits, and write a report (start here)")
        {
            model, output,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new TourOptions
        {
            Model = parsed.GetValue(model), Out = parsed.GetValue(output)!,
        }));
        return command;
    }

    static int Run(Invocation run, TourOptions options)
    {
        var watch = Stopwatch.StartNew();
        TourResult found = run.RunJob(context => TourJob.Run(options, context));
        if (run.Json)
            run.WriteJson(found, ModelJobsJson.Default.TourResult);
        else
            Print(run, found);
        run.Remark($"{watch.Elapsed.TotalSeconds:0.0} s");
        return ExitCode.Done;
    }

    static void Print(Invocation run, TourResult found)
    {
        run.Line($"model    {found.Model}");
        run.Line($"device   {found.DeviceText}");
        PrintQuestions(run, found.Kinds);
        PrintHeads(run, found.Heads!);
        Indented(run, "patch    ", found.Patching?.Lines());
        PrintInjection(run, found.Injection);
        run.Line($"secrets  {found.Secrets.Count(s => s.Extracted)} of {found.Secrets.Count} planted codes "
            + "come out word for word");
        Indented(run, "forget   ", found.Forgetting?.Lines());
        PrintMerging(run, found.Merging);
        run.Line($"report   {found.Report}");
    }

    static void Indented(Invocation run, string head, IReadOnlyList<string>? lines)
    {
        foreach (string line in lines ?? [])
        {
            run.Line(head + line);
            head = "         ";
        }
    }

    static void PrintQuestions(Invocation run, IReadOnlyList<TourKind> kinds)
    {
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn("question").AddColumn("right answer").AddColumn("probability")
            .AddColumn("the model writes");
        foreach (TourKind kind in kinds)
        {
            Invocation.Row(table, $"{kind.Name}: {kind.ShareRight:P1} of {kind.Asked} right", "", "", "");
            foreach (TourExample e in kind.Examples)
                Invocation.Row(table, $"  {e.Prompt}", e.Answer, $"{e.Probability:P1}", e.Writes);
        }
        run.Draw(table);
    }

    static void PrintHeads(Invocation run, TourHeads heads)
    {
        run.Line($"heads    what each adds at the end of \"{heads.Prompt}\" (right:{heads.Answer})");
        Table table = Invocation.Table(
            "head", "toward the answer", "removed", "points at", "says, by the learned lens");
        table.Columns[3].LeftAligned();
        table.Columns[4].LeftAligned();
        foreach (TourHead h in heads.All)
            Invocation.Row(table, $"{h.Layer}.{h.Head}", $"{h.Toward:+0.00;-0.00;0.00}",
                $"{h.Removed:+0.00;-0.00;0.00}", h.Top, h.Learned ?? "no lens is there");
        run.Draw(table);
    }

    static void PrintInjection(Invocation run, TourInjection injection)
    {
        run.Line($"inject   \"{injection.Memory}\" into layer {injection.Layer}, tau "
            + $"{injection.Tau}: the best of {injection.Tried} questions never told and answered "
            + $"wrongly, all layers, {injection.Taus.Count} magnitudes");
        run.Line($"         {injection.Prompt} ...{injection.Answer}");
        run.Line($"         before {injection.ProbabilityBefore:P2} (writes \"{injection.Without}\"), "
            + $"after {injection.ProbabilityAfter:P2} (writes \"{injection.With}\")");
        run.Line($"         {injection.Spec}");
        run.Line("         without the edit again: "
            + $"{(injection.Restored ? "the same bits as before" : "NOT the same bits")}");
    }

    static void PrintMerging(Invocation run, TourMerging? merging)
    {
        if (merging is null)
            return;
        run.Line($"merge    two such edits: the first forgets \"{merging.Prompts[0]} ...\", the second "
            + $"\"{merging.Prompts[1]} ...\"; what each added to the weights is added to the model");
        Table table = Invocation.Table(
            "weights", "first", "second", "other codes", "one hop", "loss of one hop");
        table.Columns[1].LeftAligned();
        table.Columns[2].LeftAligned();
        foreach (TourMergedState s in merging.States)
            Invocation.Row(table, s.Name, s.Writes[0], s.Writes[1], $"{s.Others}", $"{s.OneHop:P1}",
                $"{s.Loss:0.0000}");
        run.Draw(table);
        foreach (string line in merging.Lines())
            run.Line("         " + line);
    }
}
