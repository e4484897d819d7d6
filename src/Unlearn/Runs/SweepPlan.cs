namespace HeadTap.Unlearn;

/// <summary>A method with the options it is tried with.</summary>
/// <param name="Method">The method.</param>
/// <param name="Options">At least one.</param>
public sealed record SweptMethod(UnlearningMethod Method, IReadOnlyList<MethodSettings> Options);

/// <summary>One search of a sweep, and the budgets at which its finding is applied.</summary>
/// <param name="FirstCell">The number of the first budget's cell; the others follow.</param>
/// <param name="Checkpoint">Which model.</param>
/// <param name="Method">The method.</param>
/// <param name="Options">Its options.</param>
/// <param name="Seed">Null where the method draws nothing.</param>
/// <param name="Budgets">Ascending.</param>
public sealed record SweepJob(int FirstCell, int Checkpoint, UnlearningMethod Method, MethodSettings Options,
    ulong? Seed, IReadOnlyList<double> Budgets);

/// <summary>
/// The cells of a sweep in their order: checkpoints, methods, options, seeds, budgets, the last fastest. A
/// method that draws nothing has one cell where others have one for each seed.
/// </summary>
public sealed class SweepPlan
{
    readonly List<SweepJob> _jobs = [];

    /// <summary>Makes the plan.</summary>
    /// <param name="checkpoints">How many models.</param>
    /// <param name="methods">At least one.</param>
    /// <param name="budgets">Each 0 to 1, ascending, none twice.</param>
    /// <param name="seeds">At least one, none twice.</param>
    public SweepPlan(int checkpoints, IReadOnlyList<SweptMethod> methods, IReadOnlyList<double> budgets,
        IReadOnlyList<ulong> seeds)
    {
        ArgumentNullException.ThrowIfNull(methods);
        for (int c = 0; c < checkpoints; c++)
            foreach (SweptMethod swept in methods)
                foreach (MethodSettings options in swept.Options)
                    foreach (ulong? seed in swept.Method.Seeded ? seeds.Select(s => (ulong?)s) : [null])
                        foreach (double[] job in swept.Method.FitsOneBudget
                            ? budgets.Select(b => (double[])[b]) : [[.. budgets]])
                            Add(new SweepJob(Cells, c, swept.Method, options, seed, job));
    }

    /// <summary>How many cells.</summary>
    public int Cells { get; private set; }

    /// <summary>The searches.</summary>
    public IReadOnlyList<SweepJob> Jobs => _jobs;

    void Add(SweepJob job)
    {
        _jobs.Add(job);
        Cells += job.Budgets.Count;
    }
}
