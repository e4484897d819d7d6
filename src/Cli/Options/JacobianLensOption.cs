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

    /// <summary>Returns <c>--encoder</c> of the verbs that read what attention writes as tokens.</summary>
    /// <param name="description">What the encoder does in the verb.</param>
    internal static Option<string> Encoder(string description) => new("--encoder")
    {
        Description = "unembed or jacobian: " + description, DefaultValueFactory = _ => "unembed",
    };
}
