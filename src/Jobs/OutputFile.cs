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
