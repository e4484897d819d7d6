using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>lens</c>: what heads write, in words.</summary>
static class LensCommand
{
    internal static Command Create(GlobalOptions global)
        => new("lens", "Learn, measure and read what attention heads write, in words")
        {
            LensTrainCommand.Create(global), LensEvalCommand.Create(global), LensReadCommand.Create(global),
            LensScanCommand.Create(global), LensMemoryCommand.Create(global),
            LensConvertCommand.Create(global), LensImportCommand.Create(global),
        };
}
