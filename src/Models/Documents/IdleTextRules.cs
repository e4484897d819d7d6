using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Refuses rules of text files that no file of a call obeys: they would be passed over.</summary>
public static class IdleTextRules
{
    /// <summary>
    /// Checks that names of fields have a file with rows, and that a text a line has a plain file.
    /// </summary>
    /// <param name="files">The files of texts; empty where texts come from elsewhere.</param>
    /// <param name="fields">Names of fields; null for none.</param>
    /// <param name="lines">Whether each line of a plain file is a text.</param>
    /// <param name="option">Name of the option that names the files.</param>
    /// <exception cref="UserException">A rule has no file that obeys it.</exception>
    public static void Refuse(IReadOnlyCollection<string> files, string? fields, bool lines, string option)
    {
        ArgumentNullException.ThrowIfNull(files);
        string[] given = [.. new[] { fields is null ? null : "Fields", lines ? "Lines" : null }
            .OfType<string>().Select(Field.Of)];
        if (files.Count == 0 && given.Length > 0)
            throw new UserException(
                $"{string.Join(" and ", given)} without {Field.Of(option)}; expected a file of "
                + $"texts, or leave {(given.Length == 1 ? "it" : "them")} out");
        if (fields is not null && !files.Any(TextRecords.IsTable))
            throw new UserException($"{Quoted.Path(files.First())}: is a plain text without fields, and "
                + $"{Field.Of("Fields")} names some; expected .jsonl, .json or .csv, or leave it out");
        if (lines && files.All(TextRecords.IsTable))
            throw new UserException($"{Quoted.Path(files.First())}: has a text a row, and "
                + $"{Field.Of("Lines")} is for plain texts; leave it out");
    }
}
