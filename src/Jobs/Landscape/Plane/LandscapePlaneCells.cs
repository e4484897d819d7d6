using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The cells of <see cref="LandscapePlaneJob"/> for a plan: the rows of the grid from the bottom, then the
/// models themselves. Each point sets all weights anew.
/// </summary>
sealed class LandscapePlaneCells : CellSweep
{
    // The side of the grid about models, as a multiple of their box: a fifth of it is free on each side.
    const double AroundModels = 1.4;

    // 1001 x 1001 points are an hour at 280 a second, and a page of 20 MB.
    const int MostSize = 1001;

    // Rows of the last cell; the verb measures them in every call, and has no file for them.
    const string MarkRow = "models", EnsembleRow = "ensemble";

    readonly LandscapePlaneOptions _options;
    readonly LandscapeTexts _texts;
    readonly string[] _models;
    readonly PlaneBasis? _basis;
    readonly double _range;
    readonly PlaneGrid _grid;
    readonly ulong _seed;
    readonly long _tokens;

    LandscapePlaneCells(LandscapePlaneOptions options, LandscapeTexts texts, long tokens, ulong seed)
    {
        (_options, _texts, _tokens, _seed) = (options, texts, tokens, seed);
        _models = [.. options.Model];
        _basis = options.Directions switch
        {
            LandscapePlaneJob.Models => SpannedPlane.OfModels(_models),
            LandscapePlaneJob.Components => SpannedPlane.OfCheckpoints(_models),
            _ => null,
        };
        _range = options.Range ?? (_basis is null ? 1 : AroundModels);
        _grid = _basis is null ? PlaneGrid.Around(options.Size, _range)
            : PlaneGrid.Around(options.Size, _range, _basis.Places);
    }

    /// <summary>Checks the options, reads the texts, and finds the plane of several models.</summary>
    /// <exception cref="UserException">An option is wrong, the models do not fit together or span no plane,
    /// or there is nothing to predict.</exception>
    internal static LandscapePlaneCells Read(LandscapePlaneOptions options, JobContext context)
    {
        Require(options);
        string[] models = [.. options.Model];
        ModelConfig config = ModelFolder.ReadConfig(models[0]);
        LandscapeTexts texts = options.Texts.Read(models[0], config, context);
        OneVocabulary.Require(models, "have a loss between them");
        foreach (string model in models)
            LoadedModel.RemarkOn(context, model);
        return new(options, texts,
            LandscapeMeter.CountTokens(config, texts.Train, null, options.Texts.Context), context.Seed);
    }

    internal override int Count => ModelsCell + 1;

    /// <summary>Number of points of the grid.</summary>
    internal int Points => _grid.Count;

    /// <summary>Number of the cell that measures the models, and their ensemble where one is asked
    /// for.</summary>
    internal int ModelsCell => _grid.Y.Length;

    internal override IReadOnlyList<string> Models => _models;

    internal override IReadOnlyList<string> Files => _options.Texts.Files;

    internal override JsonObject Describe(int cell) => cell == ModelsCell
        ? new() { ["models"] = _models.Length }
        : new() { ["y"] = _grid.Y[cell], ["points"] = _grid.X.Length };

    internal override ICellWorker Open(ComputeDevice device, JobContext context) => OpenWorker(device);

    /// <summary>As <see cref="Open"/>, with single points for the verb.</summary>
    internal Worker OpenWorker(ComputeDevice device) => new(this, device);

    /// <summary>Opens the verb's folder for results of a device.</summary>
    internal LandscapeFolder OpenFolder(string folder, RunDevice device)
        => LandscapeFolder.Open(folder, () => new Manifest
        {
            Command = "landscape plane",
            Options = LandscapeEnsemble.AddTo(_options.Texts.AddTo(new JsonObject
            {
                ["models"] = new JsonArray([.. _models.Select(m => JsonValue.Create(m))]),
                ["directions"] = _options.Directions,
                ["size"] = _options.Size,
                ["range"] = _range,
            }, _texts), _options.Ensemble),
            Seed = _options.Directions == LandscapePlaneJob.Random ? _seed : null,
            ModelHash = string.Join(',', _models.Select(ModelFolder.Hash)),
            DataHash = FileHash.Sha256(_options.Texts.Files),
            Device = device.Name,
            Precision = device.Precision,
        });

    /// <summary>Sums up a folder that has all points.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="models">Rows of <see cref="ModelsCell"/>.</param>
    /// <param name="context">Gets a remark.</param>
    internal LandscapePlaneResult Finish(LandscapeFolder folder,
        IReadOnlyList<(string File, string Line)> models, JobContext context)
    {
        LandscapePlanePoint[] points = [.. folder.Values.Select((value, i) =>
            new LandscapePlanePoint(_grid[i].X, _grid[i].Y, value.Loss, value.Accuracy))];
        var result = new LandscapePlaneResult(_options.Directions, _options.Size, _grid.X, _grid.Y, points,
            [.. Rows<LandscapeMark>(models, MarkRow)],
            points.Where(p => double.IsFinite(p.Loss)).MinBy(p => p.Loss), _tokens,
            folder.At(MeasureFiles.Page))
        {
            Explained = _basis?.Explained is { } share ? [share.First, share.Second] : null,
            Bos = _texts.Bos, Ensemble = Rows<LandscapeEnsemble>(models, EnsembleRow).SingleOrDefault(),
        };
        new LandscapePlaneReport(result).Save(folder);
        folder.Finish();
        context.Remark?.Invoke(result.Page);
        return result;
    }

    internal override ISweepResult Report(string folder,
        IEnumerable<IReadOnlyList<(string File, string Line)>> cells, RunDevice device, JobContext context)
    {
        using LandscapeFolder results = OpenFolder(folder, device);
        IReadOnlyList<(string File, string Line)>[] all = [.. cells];
        foreach ((_, string line) in all[..ModelsCell].SelectMany(rows => rows).Skip(results.Values.Count))
            results.Add(line);
        return Finish(results, all[ModelsCell], context);
    }

    static IEnumerable<T> Rows<T>(IEnumerable<(string File, string Line)> rows, string name) where T : class
        => rows.Where(r => r.File == name).Select(r => MeasureFiles.ReadRow<T>(r.Line, name));

    static void Require(LandscapePlaneOptions options)
    {
        if (!LandscapePlaneJob.Directions.Contains(options.Directions))
            throw new UserException($"{Field.Of(nameof(options.Directions))} is "
                + $"{Quoted.Name(options.Directions)}; expected "
                + string.Join(", ", LandscapePlaneJob.Directions));
        if (options.Directions == LandscapePlaneJob.Random && options.Model.Count != 1)
            throw new UserException($"{Counted.Of(options.Model.Count, "model")}; expected one, from which "
                + "the random directions go");
        if (options.Ensemble is not null && options.Directions != LandscapePlaneJob.Models)
            throw new UserException($"{Field.Of(nameof(options.Ensemble))} says nothing with "
                + $"{Field.Of(nameof(options.Directions))} {options.Directions}; expected "
                + LandscapePlaneJob.Models);
        if (options.Model.Count == 0)
            throw new UserException("no model; expected some");
        if (options.Size is < 2 or > MostSize)
            throw new UserException($"{Field.Of(nameof(options.Size))} is {options.Size}; expected 2 to "
                + $"{MostSize} points of a side");
        if (options.Range is { } range && !(range > 0 && double.IsFinite(range)))
            throw new UserException(
                $"{Field.Of(nameof(options.Range))} is {range}; expected a number above 0");
    }

    /// <summary>Measures rows of the grid, points and models.</summary>
    internal sealed class Worker : ICellWorker
    {
        readonly LandscapePlaneCells _sweep;
        readonly WeightSpace _space;
        readonly FlatParameters _origin, _u, _v;
        readonly LandscapeMeter _meter;
        bool _hasDirections;

        internal Worker(LandscapePlaneCells sweep, ComputeDevice device)
        {
            _sweep = sweep;
            string[] models = sweep._models;
            // The origin: the model itself, the first of three, the last of a run.
            _space = new WeightSpace(device,
                sweep._options.Directions == LandscapePlaneJob.Components ? models[^1] : models[0]);
            try
            {
                (_origin, _u, _v) = (_space.Keep(), _space.Vector("first direction of "),
                    _space.Vector("second direction of "));
                _meter = new LandscapeMeter(
                    _space.Model, sweep._texts.Train, null, sweep._options.Texts.Context);
            }
            catch
            {
                _space.Dispose();
                throw;
            }
        }

        public IReadOnlyList<(string File, string Line)> Run(int cell, CancellationToken cancel)
        {
            if (cell == _sweep.ModelsCell)
                return ModelRows(cancel);
            var rows = new List<(string, string)>();
            int columns = _sweep._grid.X.Length;
            for (int i = cell * columns; i < (cell + 1) * columns; i++)
            {
                cancel.ThrowIfCancellationRequested();
                rows.Add((LandscapeFolder.PointsFile, Point(i)));
            }
            return rows;
        }

        /// <summary>Returns the row of a point.</summary>
        internal string Point(int index)
        {
            if (!_hasDirections)
                WriteDirections(null);
            (double x, double y) = _sweep._grid[index];
            _space.MoveTo((1, _origin), (x, _u), (y, _v));
            return LandscapeFolder.Line([("x", x), ("y", y)], _meter.Measure());
        }

        public void Dispose()
        {
            _meter.Dispose();
            _space.Dispose();
        }

        List<(string, string)> ModelRows(CancellationToken cancel)
        {
            var rows = new List<(string, string)>();
            void Mark(int i)
            {
                cancel.ThrowIfCancellationRequested();
                LandscapeValue value = _meter.Measure();
                (double x, double y) = _sweep._basis?.Places[i] ?? (0, 0);
                rows.Add((MarkRow, MeasureFiles.RowText(
                    new LandscapeMark(_sweep._models[i], x, y, value.Loss, value.Accuracy))));
            }
            if (_sweep._basis is null)
            {
                _space.MoveTo((1, _origin));
                Mark(0);
            }
            else
                WriteDirections(Mark);
            if (_sweep._options.Ensemble is { } rule)
                rows.Add((EnsembleRow, MeasureFiles.RowText(LandscapeEnsemble.Of(rule, _meter.Ensemble(
                    _space, [_origin, .. _sweep._models.Skip(1).Select(_space.Read)], rule)))));
            return rows;
        }

        // The models of a basis pass by on the way, and can be measured.
        void WriteDirections(Action<int>? each)
        {
            if (_sweep._basis is { } basis)
                SpannedPlane.Write(_space, _sweep._models, basis, _origin, _u, _v, each);
            else
            {
                FilterNormal.Write(_u, _origin, _sweep._seed, 0);
                FilterNormal.Write(_v, _origin, _sweep._seed, 1);
            }
            _hasDirections = true;
        }
    }
}
