using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A plan that was written.</summary>
/// <param name="Verb">Verb whose cells are planned.</param>
/// <param name="Cells">Number of cells.</param>
/// <param name="Folder">Folder of the plan.</param>
/// <param name="ManifestHash">SHA-256 of the list of cells.</param>
public sealed record SweepPlanResult(string Verb, int Cells, string Folder, string ManifestHash);

/// <summary>Plans the cells of a sweep, so that many processes can compute them.</summary>
public static class SweepPlanJob
{
    /// <summary>Writes the plan into the folder of the options, or finds the same plan there.</summary>
    /// <param name="call">Options of the verb; its folder is the plan's.</param>
    /// <param name="context">Context of the job; seed, device and precision become the plan's.</param>
    /// <exception cref="UserException">An option does not fit, or the folder holds something
    /// else.</exception>
    public static SweepPlanResult Run(ISweepOptions call, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(call);
        ArgumentNullException.ThrowIfNull(context);
        string folder = call.Out ?? throw new UserException(
            $"no {Field.Of(nameof(call.Out))}; expected the folder of the plan");
        (PlannedSweep plan, bool before) = PlannedSweep.Write(folder, call, context);
        if (before)
            context.Remark?.Invoke("planned already; nothing was changed");
        return new(call.Verb, plan.Count, folder, plan.Hash);
    }
}
