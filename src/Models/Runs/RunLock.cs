using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Lets one process at a time work in a folder. The lock is the operating system's, on an open file, so a
/// process that is killed loses it; the file is removed at the end, and one that a killed process left is
/// taken over.
/// </summary>
sealed class RunLock : IDisposable
{
    // EAGAIN on Linux and on macOS, ERROR_SHARING_VIOLATION on Windows.
    static readonly int[] s_taken = [11, 35, unchecked((int)0x80070020)];

    readonly string _folder;
    readonly string? _made;
    readonly FileStream _file;
    readonly UnfinishedWork.Part _part = UnfinishedWork.Begin();

    RunLock(string folder, string? made, FileStream file) => (_folder, _made, _file) = (folder, made, file);

    /// <summary>Takes the lock of a folder, which is made when missing.</summary>
    /// <exception cref="UserException">Another run has it, or the folder cannot be written.</exception>
    internal static RunLock Take(string folder, string file)
    {
        AtomicFile.RequireName(folder);
        string full = Path.GetFullPath(folder);
        string? made = AtomicFile.FirstMissingFolder(full);
        try
        {
            Directory.CreateDirectory(full);
            return new(full, made, new FileStream(Path.Combine(full, file), FileMode.OpenOrCreate,
                FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose));
        }
        catch (IOException e) when (IsTaken(e))
        {
            throw new UserException($"{Quoted.Path(folder)}: another process works in it; wait for its end, "
                + "or choose another folder", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new UserException($"{Quoted.Path(folder)}: cannot be written ({Quoted.Line(e.Message)}). "
                + "Choose a writable place with room.", e);
        }
    }

    /// <summary>Whether a file could not be opened because another process has its lock.</summary>
    internal static bool IsTaken(IOException e) => s_taken.Contains(e.HResult);

    /// <summary>Removes the file, and the folder where it was made for this run and stayed empty.</summary>
    public void Dispose()
    {
        _file.Dispose();
        _part.Dispose();
        if (_made is not null)
            AtomicFile.RemoveEmptyFolders(_folder, _made);
    }
}
