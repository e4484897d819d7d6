using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>landscape</c>: the verbs that measure the loss between and around models.</summary>
static class LandscapeCommand
{
    internal static Command Create(GlobalOptions global)
        => new("landscape", "The loss between models and around them, measured in weight space")
        {
            new LandscapeLineCommand().Create(global), new LandscapePlaneCommand().Create(global),
            new LandscapeCurveCommand().Create(global), new LandscapeInstabilityCommand().Create(global),
            new LandscapeCurvatureCommand().Create(global), new LandscapeVectorsCommand().Create(global),
        };

    /// <summary>The option of several models.</summary>
    internal static Option<string[]> Models(string description) => new PathOption<string[]>(
        "--model", PathUse.Reads)
    {
        Description = description, HelpName = "DIR", Required = true,
    };

    /// <summary>The option of the folder for results.</summary>
    internal static Option<T> Out<T>(string description, bool required) => new PathOption<T>(
        "--out", PathUse.WritesFolder)
    {
        Description = description, HelpName = "DIR", Required = required,
    };
}
