using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>lens</c>: the verbs that train lenses and read head outputs as tokens.</summary>
static class LensCommand
{
    internal static Command Create(GlobalOptions global)
        => new("lens", "Learn, measure and read what attention heads write, in words")
        {
            LensTrainCommand.Create(global), LensEvalCommand.Create(global), LensReadCommand.Create(global),
            LensScanCommand.Create(global), LensMemoryCommand.Create(global),
            LensGradientCommand.Create(global), LensConvertCommand.Create(global),
            LensMergeCommand.Create(global), LensImportCommand.Create(global),
            LensExportCommand.Create(global),
        };
}
