using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Gpu;

/// <summary>The least time of a piece of work on a card, estimated.</summary>
/// <param name="Card">The card's name.</param>
/// <param name="Work">What it is.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Precision">Of its products.</param>
/// <param name="LeastMs">Milliseconds.</param>
/// <param name="Bound">What takes longest.</param>
sealed record EstimateEntry(
    string Card, string Work, string Shape, string Precision, double LeastMs, string Bound);

/// <summary>
/// The estimated times as a file beside their page, so that bench/gpu/run sets measurements against them.
/// </summary>
static class EstimateTable
{
    /// <summary>Its name, in bench/results and beside the packed program.</summary>
    internal const string Name = "estimate-ptx.csv";

    const string Header = "card,work,shape,products,least_ms,bound";

    /// <summary>Writes the file.</summary>
    internal static void Write(string path, IEnumerable<EstimateEntry> entries)
        => File.WriteAllText(path, $"{Header}\n" + string.Concat(entries.Select(e => string.Create(
            CultureInfo.InvariantCulture,
            $"{e.Card},{Cell(e.Work)},{e.Shape},{e.Precision},{e.LeastMs:G5},{e.Bound}\n"))));

    /// <summary>Reads the file.</summary>
    /// <exception cref="UserException">It is not one.</exception>
    internal static IReadOnlyList<EstimateEntry> Read(string path)
    {
        string[] lines = File.ReadAllLines(path);
        return lines is [Header, .. string[] rows] ? [.. rows.Select(Entry)]
            : throw new UserException($"{path} is no table of estimates; its first line is not {Header}");
    }

    /// <summary>The estimate for a measurement; null where there is none.</summary>
    internal static EstimateEntry? Find(
        IReadOnlyList<EstimateEntry> entries, Card? card, string work, string shape, string precision)
        => card is null ? null : entries.FirstOrDefault(e => e.Card == card.Name && e.Work == Cell(work)
            && e.Shape == shape && e.Precision == precision);

    static EstimateEntry Entry(string line)
        => line.Split(',') is [var card, var work, var shape, var precision, var least, var bound]
            && double.TryParse(least, NumberStyles.Float, CultureInfo.InvariantCulture, out double ms)
            && ms > 0
            ? new(card, work, shape, precision, ms, bound)
            : throw new UserException($"\"{line}\" is no line of {Header}");

    static string Cell(string text) => text.Replace(',', ';');
}
