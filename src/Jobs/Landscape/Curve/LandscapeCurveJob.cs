using System.Text.Json.Nodes;
using HeadTap.Merge;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of <see cref="LandscapeCurveJob"/>.</summary>
public sealed record LandscapeCurveOptions
{
    /// <summary>Folders of the two models that the path connects.</summary>
    public required IReadOnlyList<string> Model { get; init; }

    /// <summary>Texts that the path is trained on and measured with.</summary>
    public required TextOrBatchRequest Text { get; init; }

    /// <summary>bezier or polygon.</summary>
    public string Shape { get; init; } = "bezier";

    /// <summary>Inner points.</summary>
    public int Bends { get; init; } = 1;

    /// <summary>Steps of Adam.</summary>
    public int Steps { get; init; } = 200;

    /// <summary>Learning rate of the first step; half a cosine takes it to 0.</summary>
    public float Lr { get; init; } = 3e-4f;

    /// <summary>Rows of a step.</summary>
    public int BatchRows { get; init; } = 16;

    /// <summary>Points at which path and line are measured.</summary>
    public int Points { get; init; } = 51;

    /// <summary>Steps between checkpoints.</summary>
    public int CheckpointEvery { get; init; } = 50;

    /// <summary>Folder of the run; the same call goes on where it stopped.</summary>
    public required string Out { get; init; }
}

/// <summary>A trained path between two models.</summary>
/// <param name="Out">Its folder.</param>
/// <param name="Points">The path, beside the straight line.</param>
/// <param name="MaxLoss">The highest loss on the path, nats.</param>
/// <param name="Barrier"><c>max_t L(path(t)) - ((1 - t) L(A) + t L(B))</c>, nats.</param>
/// <param name="LineMaxLoss">The highest loss on the straight line.</param>
/// <param name="LineBarrier">The barrier of the straight line.</param>
/// <param name="Bends">Folders of the inner points, which are models.</param>
public sealed record LandscapeCurveResult(string Out, IReadOnlyList<CurvePoint> Points, double MaxLoss,
    double Barrier, double LineMaxLoss, double LineBarrier, IReadOnlyList<string> Bends);

/// <summary>A place of a path and of the straight line between its ends.</summary>
/// <param name="T">0 is the first model, 1 the second.</param>
/// <param name="Loss">On the path: mean next-token cross-entropy, nats.</param>
/// <param name="Accuracy">On the path: share of tokens that were the most probable one.</param>
/// <param name="LineLoss">Loss on the line.</param>
/// <param name="LineAccuracy">Accuracy on the line.</param>
public sealed record CurvePoint(double T, double Loss, double Accuracy, double LineLoss, double LineAccuracy);

/// <summary>Trains a path of small loss between two models, and measures the loss along it.</summary>
public static class LandscapeCurveJob
{
    const string PointRows = "points.jsonl";
    const int MostBends = 64; // each takes three vectors of all parameters

    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">The models do not fit together, an option does not fit, or the folder
    /// belongs to another call.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled; its state is saved.</exception>
    public static LandscapeCurveResult Run(LandscapeCurveOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        PathShape shape = Check(options);
        RunFolder.RequirePlace(options.Out, RunFolder.ManifestFile, "a path");
        string first = options.Model[0];
        OneVocabulary.Require(options.Model, "have a loss between them");
        IReadOnlyList<int[]> texts = options.Text.Read(first, context);
        using ComputeDevice device = context.OpenDevice();
        using var space = new WeightSpace(device, first);
        using var curve = new CurveTraining(space, options.Model[1], texts, new CurveOptions(
            shape, options.Bends, options.Steps, options.Lr, options.BatchRows, context.Seed));
        Manifest call = Call(options, context, texts, device);
        using RunFolder run = RunFolder.Open(options.Out, call, RunFolder.ManifestFile,
            [RunFolder.CheckpointFile, RunFolder.MetricsFile], free: ["checkpoint_every"]);
        run.Start(call);
        if (run.HasCheckpoint)
            curve.Restore(run.Checkpoint);
        Train(options, context, curve, run);
        List<CurvePoint> points = Measure(options, context, curve, space, texts, run);
        string[] bends = [.. Enumerable.Range(0, options.Bends).Select(b => run.At($"bend-{b + 1}"))];
        for (int b = 0; b < bends.Length; b++)
            if (!Directory.Exists(bends[b]))
            {
                curve.MoveToBend(b);
                AtomicFolder.Write(bends[b], into => space.Model.Save(into, first));
            }
        var result = new LandscapeCurveResult(options.Out, points,
            Most(points.Select(p => p.Loss)), Barrier(points, p => p.Loss),
            Most(points.Select(p => p.LineLoss)), Barrier(points, p => p.LineLoss), bends);
        MeasureFiles.WriteCsv(run.At("points.csv"), "t,loss,accuracy,line_loss,line_accuracy",
            points.Select(p =>
                (IReadOnlyList<object?>)[p.T, p.Loss, p.Accuracy, p.LineLoss, p.LineAccuracy]));
        MeasureFiles.WriteNpy(run.At("points.npy"), [points.Count, 5], points.SelectMany(p =>
            (double[])[p.T, p.Loss, p.Accuracy, p.LineLoss, p.LineAccuracy]));
        AtomicFile.WriteText(run.At("curve.svg"), CurveReport.Losses(result) + "\n");
        CurveReport.Page(result, options).Save(run.At(MeasureFiles.Page));
        run.Finish();
        return result;
    }

    static double Barrier(IReadOnlyList<CurvePoint> points, Func<CurvePoint, double> loss)
        => LossBarrier.Of([.. points.Select(p => p.T)], [.. points.Select(loss)]).Height;

    // Enumerable.Max takes NaN for the smallest number.
    static double Most(IEnumerable<double> losses)
        => losses.Aggregate(double.NegativeInfinity, Math.Max);

    static PathShape Check(LandscapeCurveOptions options)
    {
        PathShape shape = PathShapes.Named(options.Shape, nameof(options.Shape));
        if (options.Model.Count != 2)
            throw new UserException($"{Field.Of(nameof(options.Model))} names "
                + $"{Counted.Of(options.Model.Count, "model")}; expected two, the ends of the path");
        foreach ((string name, int value, int least) in ((string, int, int)[])
            [(nameof(options.Bends), options.Bends, 1), (nameof(options.Steps), options.Steps, 1),
                (nameof(options.BatchRows), options.BatchRows, 1),
                (nameof(options.Points), options.Points, 2),
                (nameof(options.CheckpointEvery), options.CheckpointEvery, 1)])
            if (value < least)
                throw new UserException($"{Field.Of(name)} is {value}; expected at least {least}");
        if (options.Bends > MostBends || options.Points > LossLine.MostPoints)
            throw new UserException($"{Field.Of(nameof(options.Bends))} is {options.Bends} and "
                + $"{Field.Of(nameof(options.Points))} {options.Points}; expected at most {MostBends} and "
                + $"{LossLine.MostPoints}");
        if (!(options.Lr > 0))
            throw new UserException(
                $"{Field.Of(nameof(options.Lr))} is {options.Lr}; expected a number above 0");
        return shape;
    }

    static void Train(LandscapeCurveOptions options, JobContext context, CurveTraining curve, RunFolder run)
    {
        using JsonlWriter rows = run.Rows(RunFolder.MetricsFile, curve.Step);
        while (curve.Step < options.Steps)
        {
            if (context.Cancel.IsCancellationRequested)
            {
                run.Save(rows, curve.Save);
                context.Cancel.ThrowIfCancellationRequested();
            }
            CurveStep step = curve.Next();
            rows.Write(step);
            context.Progress?.Invoke(new JobProgress("training the path", (double)curve.Step / options.Steps,
                $"loss {step.Loss:0.000} at t = {step.T:0.00}"));
            if (curve.Step % options.CheckpointEvery == 0 || curve.Step == options.Steps)
                run.Save(rows, curve.Save);
        }
    }

    static List<CurvePoint> Measure(LandscapeCurveOptions options, JobContext context, CurveTraining curve,
        WeightSpace space, IReadOnlyList<int[]> texts, RunFolder run)
    {
        using JsonlWriter rows = run.Rows(PointRows);
        List<CurvePoint> points = MeasureFiles.ReadRows<CurvePoint>(run.At(PointRows));
        int window = space.Model.Config.ContextLength;
        using var evaluator = new TextEvaluator(space.Model, texts, window, window);
        while (points.Count < options.Points)
        {
            double t = (double)points.Count / (options.Points - 1);
            curve.MoveTo(t);
            TextScore path = evaluator.Score();
            curve.MoveToLine(t);
            TextScore line = evaluator.Score();
            var point = new CurvePoint(t, path.Loss, path.Accuracy, line.Loss, line.Accuracy);
            rows.Write(point);
            points.Add(point);
            context.Report("measuring", (double)points.Count / options.Points);
        }
        return points;
    }

    static Manifest Call(LandscapeCurveOptions options, JobContext context, IReadOnlyList<int[]> texts,
        ComputeDevice device) => new()
    {
        Command = "landscape curve", Seed = context.Seed, ModelHash = ModelFolder.Hash(options.Model[0]),
        DataHash = TextOrBatchRequest.HashOf(texts), Device = device.Name,
        Precision = device.Precision.ManifestName(),
        Options = new JsonObject
        {
            ["model"] = options.Model[0], ["other"] = options.Model[1],
            ["other_hash"] = ModelFolder.Hash(options.Model[1]), ["shape"] = options.Shape,
            ["bends"] = options.Bends, ["steps"] = options.Steps, ["lr"] = options.Lr,
            ["batch_rows"] = options.BatchRows, ["points"] = options.Points,
            ["checkpoint_every"] = options.CheckpointEvery,
        },
    };
}
