using System.Text.Json.Nodes;
using HeadTap.Inject;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The cells of <see cref="InjectSweepJob"/> for a plan: one a pair, because all layers and magnitudes of a
/// pair share its first passes.
/// </summary>
sealed class InjectSweepCells : CellSweep
{
    readonly InjectSweepOptions _options;
    readonly PairData _data;
    readonly SweepGrid _grid;

    InjectSweepCells(InjectSweepOptions options, PairData data, SweepGrid grid)
        => (_options, _data, _grid) = (options, data, grid);

    /// <summary>Checks the options and reads the pairs.</summary>
    /// <exception cref="UserException">An option does not fit, or a file cannot be read.</exception>
    internal static InjectSweepCells Read(InjectSweepOptions options, JobContext context)
    {
        PairData data = options.Pairs.Read(context);
        SweepGrid grid = options.Grid.Read(data.Config);
        if (options.ReportPrompts < 0)
            throw new UserException($"{Field.Of(nameof(options.ReportPrompts))} is {options.ReportPrompts}; "
                + "expected 0 or more");
        data.RequireFor(grid);
        return new(options, data, grid);
    }

    internal override int Count => _data.Pairs.Count;

    internal override IReadOnlyList<string> Models => [_data.Folder];

    internal override IReadOnlyList<string> Files => _grid.Lens is { } lens
        ? [_data.File, Path.Combine(lens, StreamJacobian.WeightsFile)] : [_data.File];

    internal override JsonObject Describe(int cell) => new()
    {
        ["pair"] = cell, ["obscure"] = _data.Pairs[cell].Pair.Obscure,
        ["memory"] = _data.Pairs[cell].Pair.Memory, ["answer"] = _data.Pairs[cell].Pair.Answer,
    };

    internal override ICellWorker Open(ComputeDevice device, JobContext context)
        => new Worker(_data, _grid, device, context);

    /// <summary>Opens the verb's folder for results of a device.</summary>
    internal SweepFolder OpenFolder(string folder, RunDevice device)
        => SweepFolder.Open(folder, _grid, _data.Manifest("inject sweep", ManifestOptions(), device));

    /// <summary>Sums up a folder that has the rows of all pairs.</summary>
    internal InjectSweepResult Finish(SweepFolder folder)
    {
        SweepSummary summary = SweepSummary.Of(_grid, folder.Read());
        summary.SaveGrid(Path.Combine(folder.Path, "grid.csv"));
        SweepCost cost = SweepCost.Of(
            _data.Config, _grid, _data.Pairs.Select(p => (p.Explicit.Length, p.Obscure.Length)));
        new SweepReport(summary, cost, Title()).Save(Page(folder), _options.ReportPrompts);
        return new InjectSweepResult(summary.Rows.Count, summary.Cells.Count, summary.ExplicitProbability,
            summary.Probability, cost.Saved,
            SweepSummary.Choices.ToDictionary(c => c.Name, c => Cell(summary.Best(c))))
        {
            Summary = summary, Bos = _data.Bos,
        };
    }

    /// <summary>The page of a folder.</summary>
    internal static string Page(SweepFolder folder) => Path.Combine(folder.Path, "report.html");

    internal override ISweepResult Report(string folder,
        IEnumerable<IReadOnlyList<(string File, string Line)>> cells, RunDevice device, JobContext context)
    {
        using SweepFolder results = OpenFolder(folder, device);
        foreach (IReadOnlyList<(string, string)> rows in cells.Skip(results.Done))
            results.Add(rows);
        InjectSweepResult result = Finish(results);
        context.Remark?.Invoke(Page(results));
        return result;
    }

    string Title()
        => $"{Path.GetFileName(Path.TrimEndingDirectorySeparator(_data.Folder))} on "
            + Path.GetFileName(_data.File);

    JsonObject ManifestOptions()
    {
        JsonObject json = _options.Pairs.Json();
        GridRequest.AddTo(json, _grid);
        json["bos_token"] = _data.Bos;
        return json;
    }

    static CellResult Cell(CellSummary c) => new(SweptCell.Word(c.Cell.Encoder),
        SweptCell.Word(c.Cell.Positions), c.Cell.Layer, c.Cell.Tau, c.Gain.TrimmedMean, c.Gain.Median,
        c.Gain.ProbabilityChange, c.Gain.MeanAfter, c.Repaired, c.Broken);

    sealed class Worker : ICellWorker
    {
        readonly PairData _data;
        readonly SweepGrid _grid;
        readonly LoadedModel _loaded;
        readonly InjectionSweep _sweep;

        internal Worker(PairData data, SweepGrid grid, ComputeDevice device, JobContext context)
        {
            (_data, _grid) = (data, grid);
            _loaded = data.Open(context, device);
            try
            {
                _sweep = new InjectionSweep(_loaded.Model, grid, EncodedPair.LongestPrompt(data.Pairs));
            }
            catch
            {
                _loaded.Dispose();
                throw;
            }
        }

        public IReadOnlyList<(string File, string Line)> Run(int cell, CancellationToken cancel)
            => SweepFolder.RowsOf(
                cell, _grid, _data.Pairs[cell], _sweep.Run(_data.Pairs[cell], cancel: cancel));

        public void Dispose()
        {
            _sweep.Dispose();
            _loaded.Dispose();
        }
    }
}
