using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>
/// The help of a verb with <c>--method</c>. If a method is named, it shows that method's options only.
/// </summary>
sealed class MethodHelp(Option<string> method, MethodFlags flags) : SynchronousCommandLineAction
{
    /// <summary>True: help is shown even if the command line has errors.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        string? name = parseResult.GetResult(method) is { Tokens: [{ } word, ..] } ? word.Value : null;
        if (MethodCatalog.All.FirstOrDefault(m => m.Name == name) is { } chosen)
            flags.DescribeFor(chosen);
        return new HelpAction().Invoke(parseResult);
    }
}
