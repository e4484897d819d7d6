using System.CommandLine;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary><c>sweep plan VERB</c>: writes the cells of a sweep as a list, and computes none.</summary>
static class SweepPlanCommand
{
    internal static Command Create(GlobalOptions global)
        => new("plan", "The cells of a verb's sweep as a list that never changes: plan inject sweep ...")
        {
            new Command("inject", "Plan a verb of inject") { InjectSweepCommand.CreatePlan(global) },
            new Command("unlearn", "Plan a verb of unlearn") { UnlearnSweepCommand.CreatePlan(global) },
            new Command("landscape", "Plan a verb of landscape")
            {
                new LandscapeLineCommand().CreatePlan(global), new LandscapePlaneCommand().CreatePlan(global),
            },
        };

    /// <summary>Plans a verb.</summary>
    internal static int Run(Invocation run, ISweepOptions options)
    {
        SweepPlanResult plan = run.RunJob(context => SweepPlanJob.Run(options, context));
        if (run.Json)
            return run.WriteJson(plan, SweepJobsJson.Default.SweepPlanResult);
        run.Line($"{Counted.Of(plan.Cells, "cell")} of {plan.Verb}; compute them with: headtap sweep run "
            + $"--dir {plan.Folder}");
        return ExitCode.Done;
    }
}
