using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Reads the texts on which models are aligned and the line between them is measured.</summary>
static class AlignmentTexts
{
    /// <summary>Rows of tokens, none longer than the context: a longer text is several, and the last token of
    /// one begins the next, so each token but a text's first is predicted once.</summary>
    /// <exception cref="UserException">A file cannot be read, or a text does not fit the model.</exception>
    internal static IReadOnlyList<int[]> Read(string folder, ModelConfig config, string? batch,
        string? textFile, TextRules rules, JobContext context)
    {
        ModelText text = ModelText.Open(folder, config, rules, context);
        int[][] rows = batch is not null ? [.. text.Batch(batch)]
            : [.. text.Documents(textFile!).Select(t => text.Required().Encode(t))];
        text.RemarkWithout(rows);
        int longest = config.ContextLength, step = Math.Max(1, longest - 1);
        List<int[]> all = [];
        foreach (int[] row in rows.Select(text.Row))
            for (int start = 0; start == 0 || start < row.Length - 1; start += step)
                all.Add(row[start..Math.Min(row.Length, start + longest)]);
        return all;
    }
}
