using System.CommandLine;

namespace HeadTap.Cli;

/// <summary><c>--lens</c> of the verbs that inject memories.</summary>
static class JacobianLensOption
{
    /// <summary>Returns the option.</summary>
    internal static Option<string?> Create() => new PathOption<string?>("--lens", PathUse.Reads)
    {
        Description = "a folder of a Jacobian lens, for --encoder jacobian", HelpName = "LENSDIR",
    };
}
