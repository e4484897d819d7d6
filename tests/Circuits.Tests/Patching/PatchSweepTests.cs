using System.Numerics;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class PatchSweepTests
{
    static PatchGrid Grid(SiteKind kind, PatchAxis axis)
        => new() { Kind = kind, Axis = axis, Layers = [0, 1, 2] };

    static IEnumerable<(SiteKind Kind, PatchAxis Axis)> Places
        => PatchGrid.Kinds.SelectMany(kind => PatchGrid.AxesOf(kind).Select(axis => (kind, axis)));

    static AnswerMetric Metric(MetricKind kind) => new(kind, PatchModel.Pair.Answer, PatchModel.Pair.Wrong);

    /// <summary>The oracle: one whole pass for each cell, with one edit of the public kind.</summary>
    [Test, Combinatorial]
    public void Every_cell_has_the_bits_of_a_whole_pass_with_its_edit(
        [ValueSource(nameof(Places))] (SiteKind Kind, PatchAxis Axis) place,
        [Values] PatchDirection direction, [Values(1, 3, null)] int? rowsInPass)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        PatchGrid grid = Grid(place.Kind, place.Axis);
        using var sweep = new PatchSweep(model, grid, 6, rowsInPass);
        AnswerMetric metric = Metric(MetricKind.LogProbability);
        PatchedPair found = sweep.Run(PatchContrast.Of(PatchModel.Pair), metric, direction);
        (int[] source, int[] target) = direction == PatchDirection.Denoise
            ? (PatchModel.Clean, PatchModel.Corrupt) : (PatchModel.Corrupt, PatchModel.Clean);
        using var recording = new ModelSession(model, new SessionOptions
        {
            MaxTokens = 6, Record = [.. grid.Layers.Select(l => new Site(place.Kind, l))],
        });
        recording.Forward(new SequenceBatch([source]));
        using var whole = new ModelSession(model, new SessionOptions
        {
            MaxTokens = 6, Logits = LogitsAt.Last,
        });
        Assert.That(found.Cells.Distinct().Count(), Is.EqualTo(found.Cells.Count));
        Assert.That(found.Cells, Has.Count.EqualTo(3 * place.Axis switch
        {
            PatchAxis.Position => 6, PatchAxis.Head => 4, PatchAxis.HeadPosition => 24,
            PatchAxis.Neuron => 28, _ => 1,
        }));
        foreach ((PatchCell cell, double value) in found.Cells.Zip(found.Values))
        {
            Recording given = recording.Recordings[new Site(place.Kind, cell.Layer)];
            using (model.Attach(new Edit
            {
                Site = new Site(place.Kind, cell.Layer), Operation = EditOperation.Patch,
                Value = EditValue.Recorded(given.ToArray(), given.Shape),
                Heads = cell.Head is { } h ? [h] : null, Neurons = cell.Neuron is { } n ? [n] : null,
                Positions = cell.Position is { } p ? EditPositions.List([p]) : EditPositions.All,
            }))
                whole.Forward(new SequenceBatch([target]));
            Assert.That(value, Is.EqualTo(metric.Value(whole.Logits.ToArray())), $"{cell}");
        }
        bool all = place.Axis == PatchAxis.Layer // then the rest of the pass is the other run's
            && place.Kind is (SiteKind.ResidPre or SiteKind.ResidMid or SiteKind.ResidPost);
        Assert.That(found.Values.Distinct().Count(), all ? Is.EqualTo(1) : Is.GreaterThan(1));
    }

    /// <summary>
    /// The textbook in float64 with the same patch. A logit of ours may err at most twice as much as one of
    /// the textbook in float32. A logit difference is made of two, and the gradient of a divergence, q - p,
    /// sums to at most 2 in size.
    /// </summary>
    [Test, Combinatorial]
    public void Cells_are_as_exact_as_plain_loops_in_float32(
        [ValueSource(nameof(Places))] (SiteKind Kind, PatchAxis Axis) place,
        [Values(MetricKind.LogitDifference, MetricKind.Divergence)] MetricKind kind)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        using var sweep = new PatchSweep(model, Grid(place.Kind, place.Axis), 6);
        PatchedPair found = sweep.Run(PatchContrast.Of(PatchModel.Pair), Metric(kind));
        double[][] exact = Textbook<double>(model, found, place.Kind),
            plain = Textbook<float>(model, found, place.Kind);
        double theirs = PatchModel.LargestError(exact, plain);
        foreach ((double value, double[] logits) in
            found.Values.Append(found.Clean).Append(found.Corrupt).Zip(exact))
            Assert.That(Math.Abs(value - PatchModel.Measure(kind, PatchModel.Pair, logits, exact[^2]))
                <= 4 * theirs, $"{value}; logits in float32 err by {theirs}");
    }

    // The logits of the cells, then those of the clean and the corrupted run.
    static double[][] Textbook<TReal>(LanguageModel model, PatchedPair found, SiteKind site)
        where TReal : IFloatingPointIeee754<TReal>
    {
        Dictionary<string, TReal[]> clean = PatchModel.Sites<TReal>(model, PatchModel.Clean);
        double[] Logits(Dictionary<string, TReal[]> run)
            => Array.ConvertAll(PatchModel.Last(model, run), double.CreateChecked);
        return
        [
            .. found.Cells.Select(cell => Logits(PatchModel.Sites<TReal>(model, PatchModel.Corrupt,
                (name, x) => name != new Site(site, cell.Layer).Name ? x
                    : Patched(x, clean[name], cell, site, model.Config)))),
            Logits(clean), Logits(PatchModel.Sites<TReal>(model, PatchModel.Corrupt)),
        ];
    }

    static TReal[] Patched<TReal>(TReal[] x, TReal[] from, PatchCell cell, SiteKind site, ModelConfig config)
    {
        int T = PatchModel.Clean.Length, H = config.Heads;
        for (int i = 0; i < x.Length; i++)
        {
            int width = x.Length / T; // of a pattern [H, T, T] the first axis is the head
            bool pattern = site == SiteKind.Pattern;
            int position = pattern ? i / T % T : i / width;
            int head = pattern ? i / (T * T) : i % width / (width / H);
            if (position == (cell.Position ?? position) && head == (cell.Head ?? head)
                && i % width == (cell.Neuron ?? i % width))
                x[i] = from[i];
        }
        return x;
    }

    [Test]
    public void All_positions_of_the_first_stream_give_the_other_run()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        using var sweep = new PatchSweep(model, Grid(SiteKind.ResidPre, PatchAxis.Layer), 6);
        foreach (PatchDirection direction in Enum.GetValues<PatchDirection>())
        {
            PatchedPair found = sweep.Run(PatchContrast.Of(PatchModel.Pair),
                Metric(MetricKind.LogitDifference), direction);
            double other = direction == PatchDirection.Denoise ? found.Clean : found.Corrupt;
            Assert.That(found.Values, Is.EqualTo((double[])[other, other, other]));
            Assert.That(found.Clean, Is.Not.EqualTo(found.Corrupt));
        }
    }

    /// <summary>Results and patterns are computed head by head, so their bits may differ in the last
    /// place.</summary>
    [TestCaseSource(nameof(Places))]
    public void Equal_prompts_give_equal_cells((SiteKind Kind, PatchAxis Axis) place)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        using var sweep = new PatchSweep(model, Grid(place.Kind, place.Axis), 6);
        PatchedPair found = sweep.Run(PatchContrast.Of(PatchModel.Pair with { Corrupt = PatchModel.Clean }),
            Metric(MetricKind.LogitDifference));
        double within = place.Kind is SiteKind.Result or SiteKind.Pattern ? 1e-5 : 0;
        Assert.That(found.Values, Is.All.EqualTo(found.Clean).Within(within));
        Assert.That(found.Corrupt, Is.EqualTo(found.Clean));
    }

    [Test]
    public void Prompts_of_different_length_are_patched_where_positions_are_paired()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        int[] clean = [3, 14, 15, 9, 26, 5], corrupt = [3, 7, 26, 5];
        var contrast = new PatchContrast(new(clean), new(corrupt),
            new PositionPairs([(5, 3), (0, 0), (4, 2)]));
        foreach (PatchDirection direction in Enum.GetValues<PatchDirection>())
        {
            using var sweep = new PatchSweep(model, Grid(SiteKind.Z, PatchAxis.HeadPosition), 6);
            PatchedPair found = sweep.Run(contrast, Metric(MetricKind.LogitDifference), direction);
            bool denoise = direction == PatchDirection.Denoise;
            Assert.That(found.Cells.Select(c => c.Position!.Value).Distinct(),
                Is.EqualTo(denoise ? (int[])[0, 2, 3] : [0, 4, 5]));
            Dictionary<string, double[]> given =
                PatchModel.Sites<double>(model, denoise ? clean : corrupt);
            int C = model.Config.Width, D = model.Config.HeadWidth;
            foreach ((PatchCell cell, double value) in found.Cells.Zip(found.Values))
            {
                int to = cell.Position!.Value;
                int from = contrast.Positions.Pairs.Where(p => (denoise ? p.Corrupt : p.Clean) == to)
                    .Select(p => denoise ? p.Clean : p.Corrupt).Single();
                double[] logits = PatchModel.Last(model, PatchModel.Sites<double>(model,
                    denoise ? corrupt : clean, (name, x) =>
                    {
                        if (name == Site.Z(cell.Layer).Name)
                            given[name].AsSpan(from * C + cell.Head!.Value * D, D)
                                .CopyTo(x.AsSpan(to * C + cell.Head!.Value * D));
                        return x;
                    }));
                Assert.That(value, Is.EqualTo(logits[11] - logits[23]).Within(2e-5), $"{cell}");
            }
        }
    }

    [Test]
    public void Chosen_layers_positions_and_neurons_are_cells_of_the_whole_grid()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        PatchContrast contrast = PatchContrast.Of(PatchModel.Pair);
        AnswerMetric metric = Metric(MetricKind.LogProbability);
        PatchedPair Run(PatchGrid grid)
        {
            using var sweep = new PatchSweep(model, grid, 6);
            return sweep.Run(contrast, metric);
        }
        PatchGrid all = Grid(SiteKind.MlpOut, PatchAxis.Position), neurons = Grid(SiteKind.MlpPost,
            PatchAxis.Neuron);
        PatchedPair whole = Run(all), some = Run(all with { Layers = [2, 0], Positions = [-1, 3] });
        Assert.That(some.Cells, Is.EqualTo((PatchCell[])[new(2, 3), new(2, 5), new(0, 3), new(0, 5)]));
        foreach ((PatchCell cell, double value) in some.Cells.Zip(some.Values))
            Assert.That(value, Is.EqualTo(whole.Values[whole.Cells.ToList().IndexOf(cell)]));
        PatchedPair every = Run(neurons), listed = Run(neurons with { Neurons = [27, 4], Layers = [1] });
        Assert.That(listed.Cells, Is.EqualTo((PatchCell[])[new(1, null, null, 27), new(1, null, null, 4)]));
        foreach ((PatchCell cell, double value) in listed.Cells.Zip(listed.Values))
            Assert.That(value, Is.EqualTo(every.Values[every.Cells.ToList().IndexOf(cell)]));
        PatchedPair last = Run(neurons with { Neurons = [27, 4], Layers = [1], Positions = [5] });
        Assert.That(last.Values, Is.Not.EqualTo(listed.Values), "one position is not all");
    }

    static IEnumerable<TestCaseData> Wrong()
    {
        PatchGrid grid = Grid(SiteKind.ResidPre, PatchAxis.Position);
        yield return new TestCaseData(grid with { Kind = SiteKind.Logits }, "logits cannot be patched");
        yield return new TestCaseData(grid with { Axis = PatchAxis.Head }, "no cells by Head");
        yield return new TestCaseData(grid with { Layers = [3] }, "layer 3 does not exist");
        yield return new TestCaseData(grid with { Layers = [] }, "no layer");
        yield return new TestCaseData(grid with { Layers = [1, 1] }, "a layer stands twice");
        yield return new TestCaseData(grid with { Neurons = [1] }, "without cells by neuron");
        yield return new TestCaseData(grid with { Positions = [] }, "no position");
        yield return new TestCaseData(grid with { Positions = [6] }, "position 6 has no counterpart");
        yield return new TestCaseData(grid with { Positions = [-7] }, "position -7 has no counterpart");
        yield return new TestCaseData(grid with { Positions = [5, -1] }, "position 5 stands twice");
        yield return new TestCaseData(
            grid with { Kind = SiteKind.MlpPost, Axis = PatchAxis.Neuron, Neurons = [28] },
            "neuron 28 does not exist; this model has neurons 0 to 27");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Grids_that_do_not_fit_are_refused(PatchGrid grid, string said)
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using LanguageModel model = PatchModel.Open(device);
        Assert.That(() =>
        {
            using var sweep = new PatchSweep(model, grid, 6);
            sweep.Run(PatchContrast.Of(PatchModel.Pair), Metric(MetricKind.Rank));
        }, Throws.TypeOf<UserException>().With.Message.Contains(said));
    }
}
