using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>An output and the manifest beside it.</summary>
public static class OutputFile
{
    /// <summary>Refuses a place that cannot be written, before the work starts.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    public static void Require(string path)
    {
        AtomicFile.RequireWritable(path);
        AtomicFile.RequireWritable(Manifest.PathFor(path));
    }

    /// <summary>The facts that decide an output of one model.</summary>
    /// <param name="command">The verb.</param>
    /// <param name="options">Every option that was in force.</param>
    /// <param name="model">The model's folder.</param>
    /// <param name="device">Where it ran.</param>
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
