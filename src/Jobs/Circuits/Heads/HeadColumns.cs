using System.Globalization;
using System.Text;

namespace HeadTap.Jobs;

/// <summary>A number of each head, as tables, cards and files show it.</summary>
/// <param name="Name">Name in JSON and CSV.</param>
/// <param name="Label">Heading of a column.</param>
/// <param name="Meaning">What it is.</param>
/// <param name="Of">Returns it; NaN for none.</param>
/// <param name="Format">Format of a number.</param>
public sealed record HeadColumn(
    string Name, string Label, string Meaning, Func<HeadResult, double> Of, string Format = "0.000");

/// <summary>The numbers of a head.</summary>
public static class HeadColumns
{
    /// <summary>All of them, in the order of tables.</summary>
    public static IReadOnlyList<HeadColumn> All { get; } =
    [
        new("prev_token_score", "previous", "attention to the token before", h => h.PrevTokenScore),
        new("induction_score", "induction", "attention behind an earlier place of the token; below 0.01 is 0",
            h => h.InductionScore),
        new("prefix_matching_score", "prefix", "as induction, without the threshold",
            h => h.PrefixMatchingScore),
        new("duplicate_token_score", "duplicate", "attention to earlier places of the token",
            h => h.DuplicateTokenScore),
        new("self_attention_score", "self", "attention to the token itself", h => h.SelfAttentionScore),
        new("begin_of_text_score", "begin", "attention to the first token of the window",
            h => h.BeginOfTextScore),
        new("pattern_entropy", "entropy", "entropy of attention, nats", h => h.PatternEntropy, "0.00"),
        new("qk_distance", "distance", "how far back it looks, tokens", h => h.QkDistance, "0.0"),
        new("qk_distance_variance", "variance", "variance of that distance", h => h.QkDistanceVariance,
            "0.0"),
        new("previous_token_share", "previous share", "part of all attention on the token before",
            h => h.PreviousTokenShare),
        new("duplicate_token_share", "duplicate share", "part of all attention on earlier places",
            h => h.DuplicateTokenShare),
        new("induction_share", "induction share", "part of all attention behind earlier places",
            h => h.InductionShare),
        new("result_norm", "writes", "length of what it writes", h => h.ResultNorm, "0.00"),
        new("ablation_effect", "ablation", "loss without it minus loss with it, nats a token",
            h => h.AblationEffect ?? double.NaN, "+0.0000;-0.0000;0.0000"),
    ];

    /// <summary>Finds a column by its name or label.</summary>
    public static HeadColumn? Find(string name) => All.FirstOrDefault(c => c.Name == name || c.Label == name);

    /// <summary>Heads with the largest number first; those without one last, equal ones by layer.</summary>
    public static IReadOnlyList<HeadResult> Sorted(IReadOnlyList<HeadResult> heads, HeadColumn by)
    {
        ArgumentNullException.ThrowIfNull(heads);
        ArgumentNullException.ThrowIfNull(by);
        return [.. heads.OrderByDescending(h => double.IsNaN(by.Of(h)) ? double.NegativeInfinity : by.Of(h))];
    }

    /// <summary>A number for people; a dash for none.</summary>
    public static string Text(this HeadColumn column, HeadResult head)
    {
        ArgumentNullException.ThrowIfNull(column);
        double value = column.Of(head);
        return double.IsNaN(value) ? "-" : value.ToString(column.Format, CultureInfo.InvariantCulture);
    }

    /// <summary>The CSV file: a row for each head, all digits, empty fields for no number; of a second model
    /// as many columns again.</summary>
    internal static string Csv(HeadsResult result)
    {
        bool ablated = result.Heads.Any(h => h.AblationEffect is not null);
        HeadColumn[] columns = [.. All.Where(c => ablated || c.Name != "ablation_effect")];
        string[] names = [.. columns.Select(c => c.Name),
            .. ablated ? (string[])["ablation_low", "ablation_high"] : []];
        bool both = result.Models is not null;
        var csv = new StringBuilder("layer,head,").AppendJoin(',', names);
        if (both)
            csv.Append(',').AppendJoin(',', names.Select(name => "other_" + name));
        csv.Append('\n');
        foreach (HeadResult h in result.Heads)
            csv.AppendJoin(',', [$"{h.Layer}", $"{h.Head}", .. Fields(h), .. both ? Fields(h.Other!) : []])
                .Append('\n');
        return csv.ToString();

        IEnumerable<string> Fields(HeadResult h) => [.. columns.Select(c => Digits(c.Of(h))),
            .. ablated ? (string[])[Digits(h.AblationLow!.Value), Digits(h.AblationHigh!.Value)] : []];
    }

    static string Digits(double value)
        => double.IsNaN(value) ? "" : value.ToString("R", CultureInfo.InvariantCulture);
}
