using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>landscape</c>: the verbs that measure the loss between and around models.</summary>
static class LandscapeCommand
{
    internal static Command Create(GlobalOptions global)
        => new("landscape", "The loss between models and around them, measured in weight space")
        {
            new LandscapeLineCommand().Create(global), new LandscapePlaneCommand().Create(global),
        };
}
