using System.CommandLine;
using System.CommandLine.Invocation;
using HeadTap.Models;

namespace HeadTap.Cli;

/// <summary>
/// Prints the version. The library's own action reads the entry assembly, which in tests is another one.
/// </summary>
sealed class VersionAction(Terminal terminal) : SynchronousCommandLineAction
{
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        terminal.Out.WriteLine($"headtap {Version}");
        return ExitCode.Done;
    }

    /// <summary>The version, with its commit if the build knew it.</summary>
    internal static string Version => new Manifest { Command = "" }.CodeVersion;
}
