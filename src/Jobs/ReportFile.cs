using HeadTap.Models;
using HeadTap.Reports;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Writes HTML pages to files.</summary>
public static class ReportFile
{
    /// <summary>Writes a page to a file atomically.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public static void Save(this HtmlReport page, string path)
    {
        ArgumentNullException.ThrowIfNull(page);
        AtomicFile.WriteText(path, page.ToString());
    }
}
