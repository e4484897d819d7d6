using System.Globalization;
using System.Text;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Inject;

/// <summary>A measure by which the best cell is chosen.</summary>
/// <param name="Name">Name of the measure in results.</param>
/// <param name="Value">Function that is largest for the best cell.</param>
public sealed record SweepChoice(string Name, Func<CellSummary, double> Value);

/// <summary>Results of one cell over all pairs.</summary>
/// <param name="Cell">Encoder, positions, layer and magnitude.</param>
/// <param name="Before">[pairs]: probability of the answer without a memory, for pairs that have the cell's
/// positions.</param>
/// <param name="After">[pairs]: probability of the answer with the memory.</param>
/// <param name="Gain">Statistics of both.</param>
/// <param name="Repaired">Number of pairs whose answer became the most probable token.</param>
/// <param name="Broken">Number of pairs whose answer stopped being the most probable token.</param>
/// <param name="First">Number of pairs whose answer is the most probable token with the memory.</param>
public sealed record CellSummary(SweepCell Cell, double[] Before, double[] After, GainSummary Gain,
    int Repaired, int Broken, int First);

/// <summary>Summarises the cells of a sweep over all pairs (arXiv 2309.05605, sections 5 and 6).</summary>
public sealed class SweepSummary
{
    SweepSummary(SweepGrid grid, IReadOnlyList<(SweptPrompt, IReadOnlyList<SweptCell>)> rows)
    {
        Grid = grid;
        Rows = rows;
        Cells = [.. grid.Cells.Select((cell, i) => Of(cell, i, rows))];
    }

    /// <summary>Measures to choose a cell by; the first is the paper's.</summary>
    public static IReadOnlyList<SweepChoice> Choices { get; } =
    [
        new("trimmed_mean", c => c.Gain.TrimmedMean),
        new("median", c => c.Gain.Median),
        new("mean_probability", c => c.Gain.ProbabilityChange),
    ];

    /// <summary>Grid of the sweep.</summary>
    public SweepGrid Grid { get; }

    /// <summary>Rows of every pair and its cells.</summary>
    public IReadOnlyList<(SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)> Rows { get; }

    /// <summary>Results per cell, in the order of <see cref="SweepGrid.Cells"/>.</summary>
    public IReadOnlyList<CellSummary> Cells { get; }

    /// <summary>Mean probability of the answer after the single-hop prompts.</summary>
    public double ExplicitProbability => Rows.Average(r => r.Prompt.PExplicit);

    /// <summary>Mean probability of the answer after the multi-hop prompts, nothing injected.</summary>
    public double Probability => Rows.Average(r => r.Prompt.PObscure);

    /// <summary>Summarises rows from <see cref="SweepFolder.Read"/>.</summary>
    public static SweepSummary Of(
        SweepGrid grid, IEnumerable<(SweptPrompt Prompt, IReadOnlyList<SweptCell> Cells)> rows)
    {
        ArgumentNullException.ThrowIfNull(grid);
        return new(grid, [.. rows]);
    }

    /// <summary>
    /// Returns the best cell; ties go to the first. A cell whose measure is NaN is never better.
    /// </summary>
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

    /// <summary>Writes a CSV file with one row per cell.</summary>
    /// <exception cref="UserException">The file cannot be written.</exception>
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
