namespace HeadTap.Jobs;

/// <summary>The number of a head that differs most between two models.</summary>
/// <param name="Score">Name of the score.</param>
/// <param name="Value">The second model's less the first's.</param>
public sealed record HeadChange(string Score, double Value);

/// <summary>How heads differ between two models, the second less the first.</summary>
public static class HeadChanges
{
    const double Seen = 0.0005; // smaller ones are 0.000 in a table

    /// <summary>The change of a number.</summary>
    /// <param name="column">The number.</param>
    /// <returns>A column that is NaN where a head has no second model, or one of the two is NaN.</returns>
    public static HeadColumn Of(HeadColumn column)
    {
        ArgumentNullException.ThrowIfNull(column);
        string format = column.Format.Split(';')[0].TrimStart('+');
        return new("change_of_" + column.Name, "change of " + column.Label,
            $"the second model's less the first's: {column.Meaning}",
            head => head.Other is { } other ? column.Of(other) - column.Of(head) : double.NaN,
            $"+{format};-{format};{format}");
    }

    /// <summary>
    /// The column by whose change heads are sorted unless the call says another: the ablation effect; null
    /// where no head was ablated, for that of <see cref="Most"/>.
    /// </summary>
    public static HeadColumn? Usual(HeadsResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.AblationWindows > 0 ? HeadColumns.Find("ablation_effect") : null;
    }

    /// <summary>
    /// Of the scores that are parts of a head's attention, 0 to 1, the one that differs most; of equals the
    /// first in the order of tables. Null where none differs, or no text gives any.
    /// </summary>
    public static HeadChange? Most(HeadResult head)
    {
        ArgumentNullException.ThrowIfNull(head);
        return Known(head).Where(c => c.Value != 0).MaxBy(c => Math.Abs(c.Value));
    }

    static IEnumerable<HeadChange> Known(HeadResult head) => HeadColumns.All.Where(c => c.Format == "0.000")
        .Select(c => new HeadChange(c.Name, Of(c).Of(head))).Where(c => !double.IsNaN(c.Value));

    /// <summary>Heads with the largest change of either sign first; equal ones by layer.</summary>
    /// <param name="heads">Heads by layer.</param>
    /// <param name="by">The number that may have changed; null for what differs most.</param>
    public static IReadOnlyList<HeadResult> Sorted(IReadOnlyList<HeadResult> heads, HeadColumn? by)
    {
        ArgumentNullException.ThrowIfNull(heads);
        double Change(HeadResult head)
            => by is not null ? Of(by).Of(head) : Most(head)?.Value ?? (Known(head).Any() ? 0 : double.NaN);
        return [.. heads.OrderByDescending(h => double.IsNaN(Change(h)) ? -1 : Math.Abs(Change(h)))];
    }

    /// <summary>What differs most, in words: induction 0.400 to 0.120.</summary>
    public static string Text(HeadResult head)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (head.ChangedMost is not { } most || HeadColumns.Find(most.Score) is not { } column)
            return Known(head).Any() ? "nothing" : "-";
        if (Math.Abs(most.Value) < Seen)
            return "nothing";
        return $"{column.Label} {column.Text(head)} to {column.Text(head.Other!)}";
    }

    /// <summary>Puts the same heads of a second model beside those of the first.</summary>
    internal static HeadsResult Beside(HeadsResult first, HeadsResult second) => first with
    {
        Heads = [.. first.Heads.Zip(second.Heads, (head, other) =>
        {
            HeadResult both = head with { Other = other with { Examples = [], Composition = [] } };
            return both with { ChangedMost = Most(both) };
        })],
    };
}
