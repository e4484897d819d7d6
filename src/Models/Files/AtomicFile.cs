using System.Text;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Writes whole files or nothing: the bytes go to <c>name.tmp</c> in the same folder, reach the disk, and
/// only then take the final name. An interrupted or failed write leaves the old file as it was.
/// </summary>
public static class AtomicFile
{
    const int BufferBytes = 1 << 16;

    /// <summary>Writes a file through a stream. Missing folders are made.</summary>
    /// <param name="path">The final name; a symbolic link keeps pointing at the file it names.</param>
    /// <param name="write">Writes the content; whatever it throws removes the temporary file.</param>
    /// <exception cref="UserException">The place cannot be written or the disk is full.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        RequireName(path);
        ArgumentNullException.ThrowIfNull(write);
        using UnfinishedWork.Part part = UnfinishedWork.Begin();
        try
        {
            if (IsDevice(path))
                WriteInPlace(path, write);
            else
                Replace(Target(path), write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw Unwritable(path, e);
        }
    }

    /// <summary>Writes text as UTF-8 without a byte-order mark.</summary>
    /// <exception cref="UserException">The place cannot be written or the disk is full.</exception>
    public static void WriteText(string path, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        Write(path, stream => stream.Write(bytes));
    }

    /// <summary>
    /// Writes a file that stays as it is: where one of that name is, it is kept. Several processes, on
    /// several machines, may write it at once; it is always whole, and the first one's.
    /// </summary>
    /// <param name="path">The final name.</param>
    /// <param name="text">The content.</param>
    /// <returns>Whether the file is this call's.</returns>
    /// <exception cref="UserException">The place cannot be written or the disk is full.</exception>
    public static bool WriteTextOnce(string path, string text)
    {
        RequireName(path);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        using UnfinishedWork.Part part = UnfinishedWork.Begin();
        try
        {
            if (File.Exists(path))
                return false;
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            // Each writer has a name of its own: locks do not reach other machines on every file system.
            string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
            try
            {
                using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
                {
                    stream.Write(bytes);
                    stream.Flush(flushToDisk: true);
                }
                return FirstLink.Take(temporary, path);
            }
            catch (IOException) when (File.Exists(path))
            {
                return false;
            }
            finally
            {
                File.Delete(temporary);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw Unwritable(path, e);
        }
    }

    /// <summary>
    /// Says before a long job whether its output could be written, by the same steps as <see cref="Write"/>
    /// takes; leaves nothing behind, neither file nor folder.
    /// </summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void RequireWritable(string path)
    {
        RequireName(path);
        try
        {
            if (IsDevice(path))
                return;
            string target = Target(path);
            if (Directory.Exists(target))
                throw new IOException("a folder has this name");
            string? made = FirstMissingFolder(Path.GetDirectoryName(target)!);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using (new FileStream(target + ".tmp", FileMode.Create, FileAccess.Write, FileShare.None, 1,
                FileOptions.DeleteOnClose))
            {
            }
            if (made is not null)
                RemoveEmptyFolders(Path.GetDirectoryName(target)!, made);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw Unwritable(path, e);
        }
    }

    /// <summary>Removes a file, if it is there.</summary>
    /// <exception cref="UserException">It cannot be removed.</exception>
    internal static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(path)}: cannot be removed ({Quoted.Line(e.Message)}).", e);
        }
    }

    /// <summary>The refusal of a place that the system does not let us write.</summary>
    internal static UserException Unwritable(string path, Exception reason) => new(
        $"{Quoted.Path(path)}: cannot be written ({Quoted.Line(reason.Message)}). Choose a writable place "
            + "with room.", reason);

    /// <exception cref="UserException">An output has no name.</exception>
    internal static void RequireName(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (path.Length == 0)
            throw new UserException("the output's name is empty; expected a path");
    }

    /// <summary>The outermost folder that must be made so that a folder is there; null if it is.</summary>
    internal static string? FirstMissingFolder(string folder)
    {
        string? missing = null;
        for (string? at = folder; at is not null && !Directory.Exists(at); at = Path.GetDirectoryName(at))
            missing = at;
        return missing;
    }

    /// <summary>Removes folders from the innermost outwards, as far as they are empty: another process may
    /// have begun to write in one of them.</summary>
    internal static void RemoveEmptyFolders(string innermost, string outermost)
    {
        try
        {
            for (string at = innermost; ; at = Path.GetDirectoryName(at)!)
            {
                Directory.Delete(at);
                if (at == outermost)
                    return;
            }
        }
        catch (IOException)
        {
        }
    }

    static void Replace(string path, Action<Stream> write)
    {
        if (Directory.Exists(path))
            throw new IOException("a folder has this name");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        // One fixed name: what a killed process left behind is overwritten by the next write, not collected.
        // FileShare.None makes a second writer fail here, before the try, so it cannot delete the first one's
        // file.
        string temporary = path + ".tmp";
        var stream =
            new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes);
        try
        {
            using (stream)
            {
                write(stream);
                // before the rename: a crash must not leave the new name empty
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    static void WriteInPlace(string path, Action<Stream> write)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Write);
        write(stream);
    }

    // A rename over /dev/null would replace the device by a file for the whole machine.
    static bool IsDevice(string path)
    {
        string full = Path.GetFullPath(path);
        return !OperatingSystem.IsWindows() && full.StartsWith("/dev/", StringComparison.Ordinal)
            && !full.StartsWith("/dev/shm/", StringComparison.Ordinal) && File.Exists(full);
    }

    static string Target(string path)
    {
        string full = Path.GetFullPath(path);
        return new FileInfo(full).LinkTarget is null
            ? full
            : File.ResolveLinkTarget(full, returnFinalTarget: true)!.FullName;
    }
}
