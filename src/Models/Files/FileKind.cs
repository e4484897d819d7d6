using System.Formats.Tar;

namespace HeadTap.Models;

/// <summary>
/// Tells pipes and devices from files without opening them: the open of a pipe waits for its writer, and
/// that of a device may do something.
/// </summary>
static class FileKind
{
    /// <summary>"a pipe" or "a device"; null for a file, a folder, and what does not exist.</summary>
    internal static string? NotAFile(string path)
    {
        if (OperatingSystem.IsWindows())
            return null;
        try
        {
            string real = RealPath.Of(path);
            // Neither has a length, so most files are told by it alone.
            if (!File.Exists(real) || new FileInfo(real).Length > 0)
                return null;
            // The one part of .NET that says what a name stands for is the writer of archives. It opens an
            // empty file, and neither pipe nor device.
            using var archive = new MemoryStream();
            using (var writer = new TarWriter(archive, TarEntryFormat.Pax, leaveOpen: true))
                writer.WriteEntry(real, "entry");
            archive.Position = 0;
            using var reader = new TarReader(archive);
            return reader.GetNextEntry()?.EntryType switch
            {
                TarEntryType.Fifo => "a pipe",
                TarEntryType.CharacterDevice or TarEntryType.BlockDevice => "a device",
                _ => null,
            };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException
            or ArgumentException)
        {
            return null; // the open says why
        }
    }
}
