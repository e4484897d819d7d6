using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using HeadTap.Unlearn;

namespace HeadTap.Cli;

/// <summary>The help of a verb with <c>--method</c>: with a method's name, of its options alone.</summary>
sealed class MethodHelp(Option<string> method, MethodFlags flags) : SynchronousCommandLineAction
{
    /// <summary>Help is shown whatever else is wrong with the line.</summary>
    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        string? name = parseResult.GetResult(method) is { Tokens: [{ } word, ..] } ? word.Value : null;
        if (MethodCatalog.All.FirstOrDefault(m => m.Name == name) is { } chosen)
            flags.DescribeFor(chosen);
        return new HelpAction().Invoke(parseResult);
    }
}
