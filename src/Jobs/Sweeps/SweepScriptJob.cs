using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>A script that gives the cells of a plan to an engine.</summary>
/// <param name="For">Name of the engine.</param>
/// <param name="Tasks">Number of tasks.</param>
/// <param name="Chunk">Cells of a task.</param>
/// <param name="Text">Text of the script.</param>
public sealed record SweepScriptResult(string For, int Tasks, int Chunk, string Text);

/// <summary>Writes the script that gives the cells of a plan to an engine. It submits nothing.</summary>
public static class SweepScriptJob
{
    // Slurm takes arrays of 1001 tasks unless its administrators say otherwise.
    const int MostTasks = 1000;

    static readonly (string Name, Func<ScriptFacts, string> Text)[] s_engines =
    [
        ("slurm", SlurmScript.Text), ("pbs", PbsScript.Text), ("sge", SgeScript.Text),
        ("parsl", ParslScript.Text), ("globus", GlobusScript.Text),
    ];

    /// <summary>Names of the engines.</summary>
    public static IReadOnlyList<string> Engines { get; } = [.. s_engines.Select(e => e.Name)];

    /// <summary>Writes the script.</summary>
    /// <param name="folder">Folder of the plan.</param>
    /// <param name="engine">One of <see cref="Engines"/>.</param>
    /// <param name="chunk">Cells of a task; null for as few as give 1000 tasks at most.</param>
    /// <exception cref="UserException">There is no plan, it was changed, or an option does not
    /// fit.</exception>
    public static SweepScriptResult Run(string folder, string engine, int? chunk = null)
    {
        PlannedSweep plan = PlannedSweep.Open(folder);
        Func<ScriptFacts, string> text = s_engines.FirstOrDefault(e => e.Name == engine).Text
            ?? throw new UserException($"{Field.Of("For")} is {Quoted.Name(engine)}; expected "
                + string.Join(", ", Engines) + NearestName.Hint(engine, Engines));
        var chunks = CellChunks.Of(plan.Count, chunk ?? (plan.Count + MostTasks - 1) / MostTasks, "Chunk");
        return new(engine, chunks.Count, chunks.Size,
            text(new(Path.GetFullPath(folder), plan.PlannedIn, chunks)));
    }
}
