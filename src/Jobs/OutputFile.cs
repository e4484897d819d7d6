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
}
