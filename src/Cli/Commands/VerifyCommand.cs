using System.CommandLine;
using HeadTap.Models;
using HeadTap.Runtime;
using Spectre.Console;

namespace HeadTap.Cli;

/// <summary>
/// <c>verify</c>: compares every site with the float64 reference, and injections with published numbers.
/// </summary>
static class VerifyCommand
{
    internal static Command Create(GlobalOptions global)
    {
        Option<string> model = PromptOptions.ModelOption(required: true);
        Option<string?> ids = new("--ids")
        {
            Description = "token ids to run; without it drawn ones", HelpName = "1,2,3",
        };
        Option<int> tokens = GlobalOptions.Number("--tokens", 16, "how many tokens to draw");
        Option<string?> repository = new PathOption<string?>("--memory-injections", PathUse.Reads)
        {
            Description = "a clone of the repository of arXiv 2309.05605: GPT-2 small and large are held "
                + "against its whole data sets too",
            HelpName = "DIR",
        };
        Option<bool> nonfinite = TraceCommand.NonfiniteOption("compare in spite of them, which fails");
        var command = new Command("verify",
            "Compare every site of a model with the float64 reference, and injections with published numbers")
        {
            model, ids, tokens, repository, nonfinite,
        };
        command.SetAction(parsed => Run(global.Of(parsed), new VerifyOptions
        {
            Model = parsed.GetValue(model)!,
            Ids = parsed.GetValue(ids),
            Tokens = parsed.GetValue(tokens),
            MemoryInjections = parsed.GetValue(repository),
            AllowNonfinite = parsed.GetValue(nonfinite),
        }));
        return command;
    }

    static int Run(Invocation run, VerifyOptions options)
    {
        VerifyResult found = run.RunJob(context => VerifyJob.Run(options, context));
        return Report(run, found);
    }

    /// <summary>Prints the comparisons.</summary>
    /// <returns><see cref="ExitCode.Defect"/> if a comparison fails.</returns>
    internal static int Report(Invocation run, VerifyResult found)
    {
        if (run.Json)
            run.WriteJson(found, ModelJobsJson.Default.VerifyResult);
        else
            Print(run, found);
        return found.Passed ? ExitCode.Done : ExitCode.Defect;
    }

    static void Print(Invocation run, VerifyResult found)
    {
        Table table = Invocation.Table("site", "max abs error", "max abs value", "bound", "");
        foreach (VerifiedSite s in found.Sites)
            Invocation.Row(table, s.Site, $"{s.MaxAbsError:0.0e+0}", $"{s.MaxAbsValue:0.###}",
                $"{s.Bound:0.0e+0}", s.Passed ? "ok" : "FAILS");
        run.Draw(table);
        PrintInjections(run, found.Injections);
        run.Line($"weights  sha256 {found.WeightsHash ?? found.ModelHash}");
        run.Line(found.SizesOf is not { } published
            ? "sizes    of no published model"
            : $"sizes    of {published}; whether the weights are its own, compare the hash with "
                + $"the one the hub shows for {found.Repository}/model.safetensors");
        bool passed = found.Finite && found.Sites.All(s => s.Passed);
        run.Line($"{Verdict(passed)}: {Counted.Of(found.Tokens, "token")} on {found.Device} "
            + $"against float64, bound {SiteParity.Tolerance:0e+0} of the largest value");
        IReadOnlyList<VerifiedInjection> checks = found.Injections.Checks;
        if (checks.Count > 0)
            run.Line($"{Verdict(found.Injections.Passed)}: {checks.Count(c => c.Passed)} of {checks.Count} "
                + "comparisons with published injections");
    }

    static void PrintInjections(Invocation run, VerifiedInjections injections)
    {
        if (injections.Checks.Count > 0)
        {
            Table table = Invocation.Table("published injections", "max abs error", "bound", "");
            foreach (VerifiedInjection c in injections.Checks)
                Invocation.Row(table, c.What, $"{c.MaxAbsError:0.0e+0}", $"{c.Bound:0.0e+0}",
                    c.Passed ? "ok" : "FAILS");
            run.Draw(table);
        }
        foreach (string reason in injections.Skipped)
            run.Line($"skipped  published injections, {reason}");
    }

    static string Verdict(bool passed) => passed ? "passed" : "FAILED";
}
