using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Checks and manifests of output files.</summary>
public static class OutputFile
{
    /// <summary>Checks before the work starts that an output and its manifest can be written.</summary>
    /// <exception cref="UserException">One of the two files cannot be written.</exception>
    public static void Require(string path)
    {
        AtomicFile.RequireWritable(path);
        AtomicFile.RequireWritable(Manifest.PathFor(path));
    }

    /// <summary>Refuses an output whose name says another format than the one that is written.</summary>
    /// <param name="path">The output; null for none.</param>
    /// <param name="option">Name of its option.</param>
    /// <param name="endings">Endings in small letters, with the dot.</param>
    /// <exception cref="UserException">It has none of the endings.</exception>
    internal static void RequireEnding(string? path, string option, params ReadOnlySpan<string> endings)
    {
        if (path is null)
            return;
        string ending = Path.GetExtension(path).ToLowerInvariant();
        if (!endings.Contains(ending))
            throw new UserException($"{Field.Of(option)} is {Quoted.Path(path)}; expected a name that ends "
                + "in " + string.Join(" or ", endings.ToArray()));
    }

    /// <summary>Makes the manifest of an output of one model.</summary>
    /// <param name="command">Verb of the command.</param>
    /// <param name="options">Values of all options.</param>
    /// <param name="model">Folder of the model.</param>
    /// <param name="device">Device that the job ran on.</param>
    internal static Manifest ManifestOf(
        string command, JsonObject options, string model, ComputeDevice device) => new()
    {
        Command = command,
        Options = options,
        ModelHash = ModelFolder.Hash(model),
        Device = device.Name,
        Precision = device.Precision.ManifestName(),
    };
}
