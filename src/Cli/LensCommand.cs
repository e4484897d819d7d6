using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>lens</c>: what attention heads write, in words.</summary>
static class LensCommand
{
    internal static Command Create(GlobalOptions global)
        => new("lens", "Read what attention heads write, in words")
        {
            LensReadCommand.Create(global),
        };
}
