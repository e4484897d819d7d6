using System.Runtime.InteropServices;

namespace HeadTap.Models;

/// <summary>Gives a finished file its name, if no file has that name yet.</summary>
/// <remarks>
/// File.Move without overwriting looks first and renames then, so on Linux and macOS two processes may both
/// take a
/// name, and the second takes the first one's file away (seen with 16 writers). A hard link is taken or not.
/// </remarks>
static partial class FirstLink
{
    const int AlreadyThere = 17; // EEXIST, on Linux and macOS

    /// <summary>Returns whether the name is this file's now.</summary>
    /// <param name="file">The finished file; its own name may stay.</param>
    /// <param name="name">The name to take, in the same folder.</param>
    /// <exception cref="IOException">The name cannot be taken.</exception>
    internal static bool Take(string file, string name)
    {
        if (!OperatingSystem.IsWindows())
        {
            if (Link(file, name) == 0)
                return true;
            if (Marshal.GetLastPInvokeError() == AlreadyThere)
                return false;
        }
        // Windows refuses a name that is taken by itself; some file systems have no hard links.
        File.Move(file, name, overwrite: false);
        return true;
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string file, string name);
}
