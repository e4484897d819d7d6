using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Cli;

/// <summary>An output and the manifest beside it.</summary>
static class OutputFile
{
    /// <summary>Refuses a place that cannot be written, before the work starts.</summary>
    /// <exception cref="UserException">It cannot be written.</exception>
    internal static void Require(string path)
    {
        AtomicFile.RequireWritable(path);
        AtomicFile.RequireWritable(Manifest.PathFor(path));
    }
}
