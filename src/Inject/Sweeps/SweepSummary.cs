using System.Globalization;
using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A way to call one cell the best.</summary>
/// <param name="Name">As results spell it.</param>
/// <param name="Value">What is largest at the best cell.</param>
public sealed record SweepChoice(string Name, Func<CellSummary, double> Value);

/// <summary>What one cell did to all pairs.</summary>
/// <param name="Cell">The cell.</param>
/// <param name="Before">[pairs] p of the answer without a memory, of pairs that have the cell.</param>
/// <param name="After">[pairs] p with it.</param>
/// <param name="Gain">The statistics of both.</param>
/// <param name="Repaired">Pairs whose answer became the most probable token.</param>
/// <param name="Broken">Pairs whose answer was the most probable token and is no longer.</param>
/// <param name="First">Pairs whose answer is the most probable token with the memory.</param>
public sealed record CellSummary(SweepCell Cell, double[] Before, double[] After, GainSummary Gain,
    int Repaired, int Broken, int First);

/// <summary>A sweep's cells over all pairs (arXiv 2309.05605, sections 5 and 6).</summary>
public sealed class SweepSummary
{
    SweepSummary(SweepGrid grid, IReadOnlyList<(SweptPrompt, IReadOnlyList<SweptCell>)> rows)
    {
        Grid = grid;
        Rows = rows;
        Cells = [.. grid.Cells.Select((cell, i) => Of(cell, i, rows))];
    }

    /// <summary>The ways to choose a cell: the paper's first.</summary>
    public static IReadOnlyList<SweepChoice> Choices { get; } =
    [
        new("trimmed_mean", c => c.Gain.TrimmedMean),
        new("median", c => c.Gain.Median),
        new("mean_probability", c => c.Gain.ProbabilityChange),
    ];

    /// <summary>The grid.</summary>
    public SweepGrid Grid { get; }

    /// <summary>Every pair with its cells.</summary>
    public IReadOnlyList<(SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)> Rows { get; }

    /// <summary>In the order of <see cref="SweepGrid.Cells"/>.</summary>
    public IReadOnlyList<CellSummary> Cells { get; }

    /// <summary>Mean p of the answer after the single-hop prompts.</summary>
    public double ExplicitProbability => Rows.Average(r => r.Prompt.PExplicit);

    /// <summary>Mean p of the answer after the multi-hop prompts.</summary>
    public double Probability => Rows.Average(r => r.Prompt.PObscure);

    /// <summary>Summarises rows as <see cref="SweepFolder.Read"/> gives them.</summary>
    public static SweepSummary Of(
        SweepGrid grid, IEnumerable<(SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)> rows)
    {
        ArgumentNullException.ThrowIfNull(grid);
        return new(grid, [.. rows]);
    }

    /// <summary>The best cell; of equals the first. A cell without a number is never better.</summary>
    public CellSummary Best(SweepChoice choice)
    {
        ArgumentNullException.ThrowIfNull(choice);
        CellSummary best = Cells[0];
        foreach (CellSummary cell in Cells)
            if (choice.Value(cell) > choice.Value(best)
                || (double.IsNaN(choice.Value(best)) && !double.IsNaN(choice.Value(cell))))
                best = cell;
        return best;
    }

    /// <summary>Writes a row for each cell.</summary>
    /// <exception cref="UserException">The place cannot be written.</exception>
    public void SaveGrid(string path)
    {
        var csv = new StringBuilder("encoder,position,layer,tau,pairs,mean_p_before,mean_p_after,"
            + "trimmed_mean_percent,median_percent,mean_probability_change_percent,repaired,broken,"
            + "rank_1_after\n");
        foreach (CellSummary c in Cells)
            csv.AppendJoin(',', ((object[])
            [
                SweptCell.Word(c.Cell.Encoder), SweptCell.Word(c.Cell.Positions), c.Cell.Layer, c.Cell.Tau,
                c.Before.Length, c.Gain.MeanBefore, c.Gain.MeanAfter, c.Gain.TrimmedMean, c.Gain.Median,
                c.Gain.ProbabilityChange, c.Repaired, c.Broken, c.First,
            ]).Select(v => Convert.ToString(v, CultureInfo.InvariantCulture))).Append('\n');
        AtomicFile.WriteText(path, csv.ToString());
    }

    static CellSummary Of(
        SweepCell cell, int index, IReadOnlyList<(SweptPrompt, IReadOnlyList<SweptCell>)> rows)
    {
        var before = new List<double>();
        var after = new List<double>();
        int repaired = 0, broken = 0, first = 0;
        foreach ((SweptPrompt prompt, IReadOnlyList<SweptCell> cells) in rows)
        {
            if (cells[index] is not { PAfter: { } p, RankAfter: { } rank })
                continue;
            before.Add(prompt.PObscure);
            after.Add(p);
            repaired += prompt.RankObscure > 1 && rank == 1 ? 1 : 0;
            broken += prompt.RankObscure == 1 && rank > 1 ? 1 : 0;
            first += rank == 1 ? 1 : 0;
        }
        double[] b = [.. before], a = [.. after];
        return new(cell, b, a, GainSummary.Of(b, a), repaired, broken, first);
    }
}
