using HeadTap.Models;

namespace HeadTap.Inject;

/// <summary>
/// Reads the data sets of arXiv 2309.05605 as their authors published them: <c>hand</c>
/// (handwritten_obscure_explicit_data.csv) and <c>2wmh</c> (multi_hop_100.csv, multi_hop_1000.csv, made from
/// 2WikiMultiHopQA).
/// </summary>
/// <remarks>
/// Texts are not corrected, because the published numbers were computed from them: an entity and a prompt of
/// <c>hand</c> end in a space, and one of its rows is Spanish with an entity that its prompt does not
/// contain. The memory is the explicit entity. Unused columns (an index, <c>fact1</c>, <c>fact2</c>) are
/// ignored, as in the authors' loader.
/// </remarks>
static class PublishedPairs
{
    // The file with 100 rows abbreviates column names of the others.
    static readonly string[][] s_columns =
    [
        ["explicit_sentence", "explicit_sent"], ["obscure_sentence", "obscure_sent"], ["explicit_entity"],
        ["obscure_entity"], ["answer"],
    ];

    internal static IEnumerable<(PromptPair Pair, string Place)> Read(string path)
    {
        CsvTable table = CsvTable.Read(path);
        int[] at = [.. s_columns.Select(names => table.Find(names))];
        if (at.Contains(-1))
            throw table.Missing(s_columns.Where((_, i) => at[i] < 0).Select(names => names[0]));
        return table.Rows.Select((row, i) =>
        {
            string[] text = [.. at.Select(column => row[column])];
            return (new PromptPair(text[0], text[1], text[2], text[4]) { ObscureEntity = text[3] },
                table.Place(i));
        });
    }
}
