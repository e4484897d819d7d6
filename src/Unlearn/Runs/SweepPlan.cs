namespace HeadTap.Unlearn;

/// <summary>A method and the option values that a sweep tries.</summary>
/// <param name="Method">Method to run.</param>
/// <param name="Options">Option values to try; at least one set.</param>
public sealed record SweptMethod(UnlearningMethod Method, IReadOnlyList<MethodSettings> Options);

/// <summary>One search of a sweep, and the budgets at which its finding is applied.</summary>
/// <param name="FirstCell">Number of the first budget's cell; the other budgets have the next
/// numbers.</param>
/// <param name="Checkpoint">Index of the model.</param>
/// <param name="Method">Method to run.</param>
/// <param name="Options">Option values of the method.</param>
/// <param name="Seed">Seed; null if the method draws no random numbers.</param>
/// <param name="Budgets">Budgets, ascending.</param>
public sealed record SweepJob(int FirstCell, int Checkpoint, UnlearningMethod Method, MethodSettings Options,
    ulong? Seed, IReadOnlyList<double> Budgets);

/// <summary>
/// The cells of a sweep in order: checkpoints, methods, options, seeds, budgets, the last fastest. A method
/// that draws no random numbers has one cell instead of one per seed.
/// </summary>
public sealed class SweepPlan
{
    readonly List<SweepJob> _jobs = [];

    /// <summary>Makes the plan of a sweep.</summary>
    /// <param name="checkpoints">Number of models.</param>
    /// <param name="methods">Methods with their option values; at least one.</param>
    /// <param name="budgets">Budgets, each 0 to 1, ascending, none twice.</param>
    /// <param name="seeds">Seeds; at least one, none twice.</param>
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

    /// <summary>Number of cells.</summary>
    public int Cells { get; private set; }

    /// <summary>The searches, in the order of cells.</summary>
    public IReadOnlyList<SweepJob> Jobs => _jobs;

    void Add(SweepJob job)
    {
        _jobs.Add(job);
        Cells += job.Budgets.Count;
    }
}
