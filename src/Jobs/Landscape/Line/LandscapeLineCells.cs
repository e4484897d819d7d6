using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The cells of <see cref="LandscapeLineJob"/> for a plan: the points of all lines, then the centroid, then
/// the ensembles. Each sets all weights anew.
/// </summary>
sealed class LandscapeLineCells : CellSweep
{
    readonly LandscapeLineOptions _options;
    readonly LandscapeTexts _texts;
    readonly string[] _models;
    readonly (int From, int To)[] _pairs;
    readonly double[] _alphas;
    readonly int[][] _together;
    readonly long _tokens;

    LandscapeLineCells(LandscapeLineOptions options, LandscapeTexts texts, long tokens)
    {
        (_options, _texts, _tokens) = (options, texts, tokens);
        _models = [.. options.Model];
        _pairs = [.. from a in Enumerable.Range(0, _models.Length)
                     from b in Enumerable.Range(a + 1, _models.Length - a - 1)
                     select (a, b)];
        _alphas = LossLine.Alphas(options.Points);
        _together = options.Ensemble is null ? [] : Together(_pairs, _models.Length);
    }

    /// <summary>Checks the options and reads the texts.</summary>
    /// <exception cref="UserException">An option is wrong, the models do not fit together, or there is
    /// nothing to predict.</exception>
    internal static LandscapeLineCells Read(LandscapeLineOptions options, JobContext context)
    {
        string[] models = [.. options.Model];
        if (models.Length < 2)
            throw new UserException($"{Counted.Of(models.Length, "model")}; expected two or more, between "
                + "which the lines run");
        if (options.Points is < 2 or > LossLine.MostPoints)
            throw new UserException($"{Field.Of(nameof(options.Points))} is {options.Points}; expected 2 to "
                + $"{LossLine.MostPoints}, the two ends among them");
        ModelConfig config = ModelFolder.ReadConfig(models[0]);
        LandscapeTexts texts = options.Texts.Read(models[0], config, context);
        OneVocabulary.Require(models, "have a loss between them");
        foreach (string model in models)
            LoadedModel.RemarkOn(context, model);
        return new(options, texts,
            LandscapeMeter.CountTokens(config, texts.Train, texts.Test, options.Texts.Context));
    }

    internal override int Count => Centroid + 1 + _together.Length;

    internal override IReadOnlyList<string> Models => _models;

    internal override IReadOnlyList<string> Files => _options.Texts.Files;

    int Centroid => _pairs.Length * _alphas.Length;

    internal override JsonObject Describe(int cell)
    {
        var json = new JsonObject();
        foreach ((string name, double value) in Place(cell))
            json[name] = value;
        return json;
    }

    internal override ICellWorker Open(ComputeDevice device, JobContext context)
        => new Worker(this, device);

    /// <summary>Opens the verb's folder for results of a device.</summary>
    internal LandscapeFolder OpenFolder(string? folder, RunDevice device)
        => LandscapeFolder.Open(folder, () => new Manifest
        {
            Command = "landscape line",
            Options = LandscapeEnsemble.AddTo(_options.Texts.AddTo(new JsonObject
            {
                ["models"] = new JsonArray([.. _models.Select(m => JsonValue.Create(m))]),
                ["points"] = _options.Points,
            }, _texts), _options.Ensemble),
            ModelHash = string.Join(',', _models.Select(ModelFolder.Hash)),
            DataHash = FileHash.Sha256(_options.Texts.Files),
            Device = device.Name,
            Precision = device.Precision,
        });

    /// <summary>Sums up a folder that has all values, or values in memory.</summary>
    internal LandscapeLineResult Finish(LandscapeFolder folder, JobContext context)
    {
        LandscapeLineResult result = Result(folder.Values);
        if (!folder.IsOnDisk)
            return result;
        string page = folder.At(MeasureFiles.Page);
        new LandscapeLineReport(result).Save(folder);
        folder.Finish();
        context.Remark?.Invoke(page);
        return result with { Page = page };
    }

    internal override ISweepResult Report(string folder,
        IEnumerable<IReadOnlyList<(string File, string Line)>> cells, RunDevice device, JobContext context)
    {
        using LandscapeFolder results = OpenFolder(folder, device);
        foreach ((_, string line) in cells.SelectMany(rows => rows).Skip(results.Values.Count))
            results.Add(line);
        return Finish(results, context);
    }

    IEnumerable<(string Name, double Value)> Place(int cell)
    {
        if (cell > Centroid)
            return _together[cell - Centroid - 1].Select((m, n) => ($"ensemble_{n}", (double)m));
        if (cell == Centroid)
            return [("centroid", _models.Length)];
        (int from, int to) = _pairs[cell / _alphas.Length];
        return [("from", from), ("to", to), ("alpha", _alphas[cell % _alphas.Length])];
    }

    // The models of each ensemble: all of them, and with more than two each pair before that.
    static int[][] Together((int From, int To)[] pairs, int models)
        => [.. pairs.Length == 1 ? (int[][])[] : [.. pairs.Select(p => (int[])[p.From, p.To])],
            [.. Enumerable.Range(0, models)]];

    LandscapeLineResult Result(IReadOnlyList<LandscapeValue> values)
    {
        (double[] alphas, int centroid) = (_alphas, Centroid);
        LandscapeEnsemble[] together = _options.Ensemble is not { } rule ? []
            : [.. values.Skip(centroid + 1).Select(v => LandscapeEnsemble.Of(rule, v))];
        LandscapePair[] lines = [.. _pairs.Select((pair, p) =>
        {
            LandscapeValue[] own = [.. values.Skip(p * alphas.Length).Take(alphas.Length)];
            LossBarrier barrier = LossBarrier.Of(alphas, [.. own.Select(v => v.Loss)]);
            return new LandscapePair(pair.From, pair.To, barrier.Height, barrier.Alpha,
                own[0].TestLoss is null ? null
                    : LossBarrier.Of(alphas, [.. own.Select(v => v.TestLoss!.Value)]).Height,
                [.. own.Zip(alphas, (v, alpha) => new LandscapeLinePoint(
                    alpha, v.Loss, v.Accuracy, v.TestLoss, v.TestAccuracy))])
            {
                Ensemble = together.Length == 0 ? null : together[p],
            };
        })];
        LandscapeValue centre = values[centroid];
        // The lines from the first model end at all others.
        double mean = lines.Where(l => l.From == 0).Select(l => l.Points[^1].Loss)
            .Append(lines[0].Points[0].Loss).Average();
        return new(lines[0].Points, lines[0].Barrier, lines[0].BarrierAlpha, lines[0].TestBarrier,
            new(centre.Loss, centre.Accuracy, mean, centre.Loss - mean, centre.TestLoss, centre.TestAccuracy),
            _models, _tokens)
        {
            Pairs = lines.Length > 1 ? lines : null,
            Ensemble = together.Length == 0 ? null : together[^1], Bos = _texts.Bos,
        };
    }

    sealed class Worker : ICellWorker
    {
        readonly LandscapeLineCells _sweep;
        readonly WeightSpace _space;
        readonly FlatParameters[] _at;
        readonly LandscapeMeter _meter;

        internal Worker(LandscapeLineCells sweep, ComputeDevice device)
        {
            _sweep = sweep;
            string[] models = sweep._models;
            _space = new WeightSpace(device, models[0]);
            try
            {
                foreach (string model in models)
                    _space.RequireSameShape(model);
                _at = [_space.Keep(), .. models.Skip(1).Select(_space.Read)];
                LandscapeTexts texts = sweep._texts;
                _meter = new LandscapeMeter(
                    _space.Model, texts.Train, texts.Test, sweep._options.Texts.Context);
            }
            catch
            {
                _space.Dispose();
                throw;
            }
        }

        public IReadOnlyList<(string File, string Line)> Run(int cell, CancellationToken cancel)
        {
            cancel.ThrowIfCancellationRequested();
            return [(LandscapeFolder.PointsFile, LandscapeFolder.Line(_sweep.Place(cell), Measure(cell)))];
        }

        public void Dispose()
        {
            _meter.Dispose();
            _space.Dispose();
        }

        LandscapeValue Measure(int cell)
        {
            if (cell > _sweep.Centroid)
                return _meter.Ensemble(_space,
                    [.. _sweep._together[cell - _sweep.Centroid - 1].Select(m => _at[m])],
                    _sweep._options.Ensemble!.Value);
            if (cell == _sweep.Centroid)
                _space.MoveTo([.. _at.Select(x => (1.0 / _at.Length, x))]);
            else
            {
                (int from, int to) = _sweep._pairs[cell / _sweep._alphas.Length];
                LossLine.MoveTo(_space, _at[from], _at[to], _sweep._alphas[cell % _sweep._alphas.Length]);
            }
            return _meter.Measure();
        }
    }
}
