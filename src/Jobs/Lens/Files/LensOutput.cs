using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Checks folders that lenses are written to.</summary>
static class LensOutput
{
    /// <summary>Checks that a folder has no lens and can be written.</summary>
    /// <exception cref="UserException">The folder has a lens, or cannot be written.</exception>
    internal static void RequireFree(string folder)
    {
        string file = Path.Combine(folder, LensFolder.WeightsFile);
        if (File.Exists(file))
            throw new UserException(
                $"{Quoted.Path(folder)}: a lens is there already; expected another folder");
        AtomicFile.RequireWritable(file);
    }
}
