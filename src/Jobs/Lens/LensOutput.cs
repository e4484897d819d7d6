using HeadTap.Lens;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Folders that lenses are written to.</summary>
static class LensOutput
{
    /// <summary>Refuses a folder that has a lens, or cannot be written.</summary>
    /// <exception cref="UserException">It cannot take a lens.</exception>
    internal static void RequireFree(string folder)
    {
        string file = Path.Combine(folder, LensFolder.WeightsFile);
        if (File.Exists(file))
            throw new UserException(
                $"{Quoted.Path(folder)}: a lens is there already; expected another folder");
        AtomicFile.RequireWritable(file);
    }
}
