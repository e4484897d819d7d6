using HeadTap.Models;

namespace HeadTap.Inject.Tests;

public sealed class SweepSummaryTests
{
    static readonly SweepGrid s_grid = new() { Layers = [0, 1], Taus = [1f, 2f] };

    // Ranks and probabilities before, then after for each of the four cells; null has no such positions.
    static SweepSummary Of(params (int Rank, double P, (int Rank, double P)?[] After)[] pairs)
        => SweepSummary.Of(s_grid, pairs.Select((pair, i) => (
            new SweptPrompt(i, "", "", "", "", "", "", 0, [], 0.5, 1, pair.P, pair.Rank),
            (IReadOnlyList<SweptCell>)[.. s_grid.Cells.Select((cell, c) => new SweptCell(i, "unembed", "all",
                cell.Layer, cell.Tau, pair.After[c]?.P, pair.After[c]?.Rank, null))])));

    [Test]
    public void Repaired_were_not_first_and_are_broken_were_and_are_not()
    {
        SweepSummary found = Of(
            (1, 0.5, [(1, 0.6), (2, 0.1), (1, 0.6), (1, 0.6)]),
            (3, 0.1, [(1, 0.6), (3, 0.1), (2, 0.2), null]),
            (2, 0.2, [(2, 0.3), (5, 0.1), (1, 0.5), (1, 0.5)]));
        Assert.That(found.Cells.Select(c => (c.Repaired, c.Broken, c.First)),
            Is.EqualTo(((int, int, int)[])[(1, 0, 2), (0, 1, 0), (1, 0, 2), (1, 0, 2)]));
        Assert.That(found.Cells[3].Before, Is.EqualTo([0.5, 0.2]), "the pair without positions is left out");
        Assert.That(found.Cells[3].After, Is.EqualTo([0.6, 0.5]));
    }

    [Test]
    public void Each_choice_has_its_own_best_and_a_cell_without_a_number_is_none()
    {
        // The first cell has no pair; of the others one is best by the mean, another by the median.
        SweepSummary found = Of(
            (2, 0.1, [null, (1, 0.9), (1, 0.2), (1, 0.1)]),
            (2, 0.1, [null, (1, 0.05), (1, 0.2), (1, 0.1)]),
            (2, 0.1, [null, (1, 0.05), (1, 0.2), (1, 0.1)]));
        SweepCell Best(string name) => found.Best(SweepSummary.Choices.Single(c => c.Name == name)).Cell;
        Assert.That((Best("mean_probability").Layer, Best("mean_probability").Tau), Is.EqualTo((0, 2f)));
        Assert.That((Best("median").Layer, Best("median").Tau), Is.EqualTo((1, 1f)));
        Assert.That(SweepSummary.Choices.Select(c => c.Name),
            Is.EqualTo(["trimmed_mean", "median", "mean_probability"]));
        foreach (CellSummary cell in found.Cells.Skip(1))
            Assert.That(SweepSummary.Choices.Select(c => c.Value(cell)), Is.EqualTo(
                [cell.Gain.TrimmedMean, cell.Gain.Median, cell.Gain.ProbabilityChange]));
    }

    [Test]
    public void Of_equal_cells_the_first_is_best()
        => Assert.That(Of((2, 0.1, [(1, 0.2), (1, 0.3), (1, 0.3), (1, 0.3)]))
            .Best(SweepSummary.Choices[2]).Cell, Is.EqualTo(s_grid.Cells[1]));

    [Test]
    public void The_cost_counts_what_lies_above_the_edit_once_for_each_cell()
    {
        var config = new ModelConfig
        {
            VocabSize = 7, ContextLength = 8, Width = 4, Layers = 3, Heads = 2, Inner = 5,
        };
        var grid = new SweepGrid { Layers = [0, 2], Taus = [1f, 2f, 3f] };
        // C = 4: attention 4 C^2 = 64, feed-forward 2 C I = 40, vocabulary C V = 28
        double both = 3 * 104 * (2 + 5) + 2 * 28;
        SweepCost found = SweepCost.Of(config, grid, [(2, 5)]),
            stream = SweepCost.Of(config, grid with { Target = SiteKind.ResidPre }, [(2, 5)]);
        Assert.That(found.Sweep, Is.EqualTo(
            both + 3 * ((5 * (3 * 104 - 64) + 28) + (5 * (1 * 104 - 64) + 28))));
        Assert.That(stream.Sweep, Is.EqualTo(both + 3 * ((5 * 3 * 104 + 28) + (5 * 104 + 28))));
        Assert.That(found.CellByCell, Is.EqualTo(both + 6 * (5 * 3 * 104 + 28)));
        Assert.That(found.Saved, Is.EqualTo(found.CellByCell / found.Sweep));
    }
}
