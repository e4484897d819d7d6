using System.Diagnostics;
using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Measures loss and accuracy on a plane through weight space.</summary>
public static class LandscapePlaneJob
{
    const string Random = "random", Models = "models", Components = "pca";

    // The side of the grid about models, as a multiple of their box: a fifth of it is free on each side.
    const double AroundModels = 1.4;

    // 1001 x 1001 points are an hour at 280 a second, and a page of 20 MB.
    const int MostSize = 1001;

    /// <summary>The words that options take for directions.</summary>
    public static IReadOnlyList<string> Directions { get; } = [Random, Models, Components];

    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">An option is wrong, the models do not fit together or span no plane, a
    /// weight is not finite, there is nothing to predict, or the folder belongs to another call.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LandscapePlaneResult Run(LandscapePlaneOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        Require(options);
        string[] models = [.. options.Model];
        LandscapeTexts texts = options.Texts.Read(models[0], ModelFolder.ReadConfig(models[0]), context);
        LandscapeFolder.RequirePlace(options.Out);
        OneVocabulary.Require(models, "have a loss between them");
        foreach (string model in models)
            LoadedModel.RemarkOn(context, model);
        PlaneBasis? basis = options.Directions switch
        {
            Models => SpannedPlane.OfModels(models),
            Components => SpannedPlane.OfCheckpoints(models),
            _ => null,
        };
        double range = options.Range ?? (basis is null ? 1 : AroundModels);
        PlaneGrid grid = basis is null ? PlaneGrid.Around(options.Size, range)
            : PlaneGrid.Around(options.Size, range, basis.Places);
        using ComputeDevice device = context.OpenDevice();
        // The origin: the model itself, the first of three, the last of a run.
        using var space = new WeightSpace(device, options.Directions == Components ? models[^1] : models[0]);
        FlatParameters origin = space.Keep(), u = space.Vector("first direction of "),
            v = space.Vector("second direction of ");
        using var meter = new LandscapeMeter(space.Model, texts.Train, null, options.Texts.Context);
        LandscapeMark[] marks = new LandscapeMark[models.Length];
        void Mark(int i)
        {
            LandscapeValue value = meter.Measure();
            (double x, double y) = basis?.Places[i] ?? (0, 0);
            marks[i] = new(models[i], x, y, value.Loss, value.Accuracy);
        }
        if (basis is not null)
            SpannedPlane.Write(space, models, basis, origin, u, v, Mark);
        else
        {
            Mark(0);
            FilterNormal.Write(u, origin, context.Seed, 0);
            FilterNormal.Write(v, origin, context.Seed, 1);
        }
        LandscapeEnsemble? ensemble = options.Ensemble is not { } rule ? null : LandscapeEnsemble.Of(rule,
            meter.Ensemble(space, [origin, .. models.Skip(1).Select(space.Read)], rule));
        using LandscapeFolder folder = LandscapeFolder.Open(
            options.Out, () => Call(options, range, texts, device, context));
        Measure((x, y) => space.MoveTo((1, origin), (x, u), (y, v)), meter, folder, grid, context);
        LandscapePlanePoint[] points = [.. folder.Values.Select((value, i) =>
            new LandscapePlanePoint(grid[i].X, grid[i].Y, value.Loss, value.Accuracy))];
        var result = new LandscapePlaneResult(options.Directions, options.Size, grid.X, grid.Y, points, marks,
            points.Where(p => double.IsFinite(p.Loss)).MinBy(p => p.Loss), meter.Tokens,
            folder.At(MeasureFiles.Page))
        {
            Explained = basis?.Explained is { } share ? [share.First, share.Second] : null, Bos = texts.Bos,
            Ensemble = ensemble,
        };
        new LandscapePlaneReport(result).Save(folder);
        folder.Finish();
        context.Remark?.Invoke(result.Page);
        return result;
    }

    static void Require(LandscapePlaneOptions options)
    {
        if (!Directions.Contains(options.Directions))
            throw new UserException($"{Field.Of(nameof(options.Directions))} is "
                + $"{Quoted.Name(options.Directions)}; expected {string.Join(", ", Directions)}");
        if (options.Directions == Random && options.Model.Count != 1)
            throw new UserException($"{Counted.Of(options.Model.Count, "model")}; expected one, from which "
                + "the random directions go");
        if (options.Ensemble is not null && options.Directions != Models)
            throw new UserException($"{Field.Of(nameof(options.Ensemble))} says nothing with "
                + $"{Field.Of(nameof(options.Directions))} {options.Directions}; expected {Models}");
        if (options.Model.Count == 0)
            throw new UserException("no model; expected some");
        if (options.Size is < 2 or > MostSize)
            throw new UserException($"{Field.Of(nameof(options.Size))} is {options.Size}; expected 2 to "
                + $"{MostSize} points of a side");
        if (options.Range is { } range && !(range > 0 && double.IsFinite(range)))
            throw new UserException(
                $"{Field.Of(nameof(options.Range))} is {range}; expected a number above 0");
    }

    static void Measure(Action<double, double> move, LandscapeMeter meter, LandscapeFolder folder,
        PlaneGrid grid, JobContext context)
    {
        var watch = Stopwatch.StartNew();
        int before = folder.Values.Count;
        for (int i = before; i < grid.Count; i++)
        {
            context.Report("measuring", (double)i / grid.Count, $"{i} of {grid.Count}");
            (double x, double y) = grid[i];
            move(x, y);
            folder.Add([("x", x), ("y", y)], meter.Measure());
        }
        context.Remark?.Invoke(before == grid.Count ? "complete already; no point was computed"
            : $"{Counted.Of(grid.Count - before, "point")} in {watch.Elapsed.TotalSeconds:0.0} s, "
                + $"{(grid.Count - before) / watch.Elapsed.TotalSeconds:0.0} a second");
    }

    static Manifest Call(LandscapePlaneOptions options, double range, LandscapeTexts texts,
        ComputeDevice device, JobContext context) => new()
        {
            Command = "landscape plane",
            Options = LandscapeEnsemble.AddTo(options.Texts.AddTo(new JsonObject
            {
                ["models"] = new JsonArray([.. options.Model.Select(m => JsonValue.Create(m))]),
                ["directions"] = options.Directions,
                ["size"] = options.Size,
                ["range"] = range,
            }, texts), options.Ensemble),
            Seed = options.Directions == Random ? context.Seed : null,
            ModelHash = string.Join(',', options.Model.Select(ModelFolder.Hash)),
            DataHash = FileHash.Sha256(options.Texts.Files),
            Device = device.Name,
            Precision = device.Precision.ManifestName(),
        };
}
