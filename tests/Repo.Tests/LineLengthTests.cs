namespace HeadTap.Repo.Tests;

/// <summary>Lines end at column 110: two files side by side on one screen.</summary>
public class LineLengthTests
{
    const int Columns = 110;

    [TestCase("src"), TestCase("tests"), TestCase("bench")]
    public void No_line_of_code_is_longer_than_110_columns(string folder)
    {
        string[] found =
        [
            .. Repository.Sources(folder).SelectMany(file => File.ReadLines(file)
                .Select((line, i) => (Length: line.EnumerateRunes().Count(),
                    Place: $"{Path.GetRelativePath(Repository.Root, file)}:{i + 1}"))
                .Where(l => l.Length > Columns).Select(l => $"{l.Place} has {l.Length}")),
        ];
        Assert.That(found, Is.Empty);
    }
}
