using System.Globalization;
using HeadTap.Runtime;

namespace HeadTap.Models;

/// <summary>Where a run stands in a <see cref="DocumentRows"/>; a checkpoint keeps it as text.</summary>
/// <param name="Epoch">Passes over the documents that are complete.</param>
/// <param name="Document">Documents of this pass that are complete: a place in the epoch's order, not in the
/// files.</param>
/// <param name="Row">Rows of the next document that were used.</param>
public readonly record struct RowPosition(int Epoch, int Document, int Row)
{
    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    /// <exception cref="UserException">It is something else.</exception>
    public static RowPosition Parse(string text)
    {
        string[] parts = text.Split('.');
        return parts.Length == 3 && Number(parts[0], out int epoch) && Number(parts[1], out int document)
            && Number(parts[2], out int row)
            ? new RowPosition(epoch, document, row)
            : throw new UserException($"{Quoted.Name(text)} is not a position in the data; expected epoch, "
                + "document and row, like 2.17.0");
    }

    /// <summary>Epoch, document and row with points between them, like <c>2.17.0</c>.</summary>
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Epoch}.{Document}.{Row}");

    static bool Number(string text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
