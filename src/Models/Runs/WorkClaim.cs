using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>
/// A claim on a piece of work that several processes could do: a file with the system's lock, and beside it
/// who holds it. A process that ends, however it ends, loses its claims. A claim saves work, no more: where a
/// file system has no locks between machines, two may hold one, so what they write must be the same.
/// </summary>
public sealed class WorkClaim : IDisposable
{
    const int LongestHolder = 200;

    readonly string _path;
    readonly FileStream _file;

    WorkClaim(string path, FileStream file) => (_path, _file) = (path, file);

    /// <summary>Claims a piece of work.</summary>
    /// <param name="path">File of the claim; its folder is made when missing.</param>
    /// <returns>The claim; null if another process has it.</returns>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static WorkClaim? TryTake(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1,
                FileOptions.DeleteOnClose);
            // In a file of its own: the locked one cannot be read.
            File.WriteAllText(ByFile(path),
                $"process {Environment.ProcessId} on {Environment.MachineName}");
            return new(path, file);
        }
        catch (IOException e) when (RunLock.IsTaken(e))
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw AtomicFile.Unwritable(path, e);
        }
    }

    /// <summary>Says who holds a claim, for messages.</summary>
    /// <param name="path">File of the claim.</param>
    public static string Holder(string path)
    {
        try
        {
            string text = File.ReadAllText(ByFile(path));
            if (text.Length is > 0 and <= LongestHolder)
                return Quoted.Line(text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
        return "another process";
    }

    /// <summary>Gives the work free and removes the files.</summary>
    public void Dispose()
    {
        try
        {
            File.Delete(ByFile(_path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is only for messages.
        }
        _file.Dispose();
    }

    static string ByFile(string path) => path + ".by";
}
