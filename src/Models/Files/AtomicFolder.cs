using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// Writes whole folders or nothing: files go to <c>name.tmp</c> beside the place, which takes the final name
/// when all are there.
/// </summary>
public static class AtomicFolder
{
    /// <summary>Says before a long job whether the folder could be written; leaves nothing behind.</summary>
    /// <exception cref="UserException">Something of that name exists, or the place cannot be
    /// written.</exception>
    public static void RequireNew(string path)
    {
        AtomicFile.RequireName(path);
        (string target, string temporary) = Names(path);
        if (Path.Exists(target))
            throw new UserException($"{Quoted.Path(path)}: exists; expected the name of a new folder");
        // Never emptied from here: it may be another run's that is writing now.
        if (Path.Exists(temporary))
            throw new UserException($"{Quoted.Path(temporary)}: exists, left by a run that was killed or "
                + "still goes on; remove it");
        AtomicFile.RequireWritable(target);
    }

    /// <summary>Writes a folder.</summary>
    /// <param name="path">Its final name; nothing of that name exists.</param>
    /// <param name="write">Is given the folder to write into; whatever it throws removes that.</param>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void Write(string path, Action<string> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        RequireNew(path);
        (string target, string temporary) = Names(path);
        using UnfinishedWork.Part part = UnfinishedWork.Begin();
        try
        {
            Directory.CreateDirectory(temporary);
            write(temporary);
            Directory.Move(temporary, target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Remove(temporary);
            throw new UserException($"{Quoted.Path(path)}: cannot be written ({Quoted.Line(e.Message)}). "
                + "Choose a writable place with room.", e);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    static (string Target, string Temporary) Names(string path)
    {
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return (target, target + ".tmp");
    }

    static void Remove(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }
}
