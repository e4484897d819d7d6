using System.Diagnostics;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Measures loss and accuracy on a plane through weight space.</summary>
public static class LandscapePlaneJob
{
    internal const string Random = "random", Models = "models", Components = "pca";

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
        LandscapeFolder.RequirePlace(options.Out);
        LandscapePlaneCells sweep = LandscapePlaneCells.Read(options, context);
        using ComputeDevice device = context.OpenDevice();
        using LandscapePlaneCells.Worker worker = sweep.OpenWorker(device);
        IReadOnlyList<(string, string)> models = worker.Run(sweep.ModelsCell, context.Cancel);
        using LandscapeFolder folder = sweep.OpenFolder(options.Out, RunDevice.Of(device));
        Measure(sweep, worker, folder, context);
        return sweep.Finish(folder, models, context);
    }

    static void Measure(
        LandscapePlaneCells sweep, LandscapePlaneCells.Worker worker, LandscapeFolder folder,
        JobContext context)
    {
        var watch = Stopwatch.StartNew();
        int before = folder.Values.Count, all = sweep.Points;
        while (folder.Values.Count < all)
        {
            context.Report("measuring", (double)folder.Values.Count / all,
                $"{folder.Values.Count} of {all}");
            folder.Add(worker.Point(folder.Values.Count));
        }
        context.Remark?.Invoke(before == all ? "complete already; no point was computed"
            : $"{Counted.Of(all - before, "point")} in {watch.Elapsed.TotalSeconds:0.0} s, "
                + $"{(all - before) / watch.Elapsed.TotalSeconds:0.0} a second");
    }
}
