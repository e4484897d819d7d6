using System.Diagnostics;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Measures loss and accuracy on the straight lines between models.</summary>
public static class LandscapeLineJob
{
    /// <summary>Runs the job, or continues it in its folder.</summary>
    /// <exception cref="UserException">An option is wrong, the models do not fit together, a weight is not
    /// finite, there is nothing to predict, or the folder belongs to another call.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static LandscapeLineResult Run(LandscapeLineOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        LandscapeFolder.RequirePlace(options.Out);
        LandscapeLineCells sweep = LandscapeLineCells.Read(options, context);
        using ComputeDevice device = context.OpenDevice();
        using ICellWorker worker = sweep.Open(device, context);
        using LandscapeFolder folder = sweep.OpenFolder(options.Out, RunDevice.Of(device));
        Measure(sweep.Count, worker, folder, context);
        return sweep.Finish(folder, context);
    }

    static void Measure(int all, ICellWorker worker, LandscapeFolder folder, JobContext context)
    {
        var watch = Stopwatch.StartNew();
        int before = folder.Values.Count;
        for (int i = before; i < all; i++)
        {
            context.Report("measuring", (double)i / all, $"{i} of {all}");
            foreach ((_, string line) in worker.Run(i, context.Cancel))
                folder.Add(line);
        }
        context.Remark?.Invoke(before == all ? "complete already; nothing was computed"
            : $"{Counted.Of(all - before, "point")} in {watch.Elapsed.TotalSeconds:0.0} s, "
                + $"{(all - before) / watch.Elapsed.TotalSeconds:0.0} a second");
    }
}
