using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>sweep</c>: the verbs that give the cells of a sweep to many processes.</summary>
static class SweepCommand
{
    internal static Command Create(GlobalOptions global)
        => new("sweep", "Plan a sweep as cells, and compute them on as many machines as there are")
        {
            SweepPlanCommand.Create(global), SweepRunCommand.Create(global),
            SweepStatusCommand.Create(global), SweepMissingCommand.Create(global),
            SweepReportCommand.Create(global), SweepScriptCommand.Create(global),
        };

    /// <summary>Makes the option of the plan's folder.</summary>
    internal static Option<string> Dir(PathUse use = PathUse.Reads) => new PathOption<string>("--dir", use)
    {
        Description = "the folder of headtap sweep plan", HelpName = "DIR", Required = true,
    };

    /// <summary>Makes the option of chunks.</summary>
    internal static Option<int?> Chunk(string description)
        => GlobalOptions.OptionalNumber<int>("--chunk", description);
}
