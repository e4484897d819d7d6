using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>merge</c>: the verbs that make one model of several.</summary>
static class MergeCommand
{
    internal static Command Create(GlobalOptions global)
        => new("merge", "Combine the weights of several models into one")
        {
            new MergeRunCommand().Create(global), MergeMethodsCommand.Create(global),
            new MergeAlignCommand().Create(global),
        };
}
