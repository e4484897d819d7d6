using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>What is still to be computed of a plan.</summary>
/// <param name="Missing">Numbers of cells or chunks as a list such as 3,7-9; empty for none.</param>
/// <param name="Count">How many.</param>
/// <param name="Chunk">Cells of a chunk; 1 where cells are counted.</param>
/// <param name="Damaged">Cells whose result is damaged; they are missing too.</param>
public sealed record SweepMissingResult(
    string Missing, int Count, int Chunk, IReadOnlyList<DamagedCell> Damaged);

/// <summary>Lists the cells of a plan that are not done, as job arrays take lists.</summary>
public static class SweepMissingJob
{
    /// <summary>Runs the job and returns its result.</summary>
    /// <param name="folder">Folder of the plan.</param>
    /// <param name="chunk">Cells of a chunk, which are counted then; null to count cells.</param>
    /// <exception cref="UserException">There is no plan, it was changed, a result cannot be read, or
    /// the chunk is less than 1.</exception>
    public static SweepMissingResult Run(string folder, int? chunk = null)
    {
        PlannedSweep plan = PlannedSweep.Open(folder);
        var chunks = CellChunks.Of(plan.Count, chunk, "Chunk");
        (int[] done, IReadOnlyList<DamagedCell> damaged) = plan.Store.Check();
        int[] missing = chunks.ChunksOf(Enumerable.Range(0, plan.Count).Except(done));
        return new(CellRanges.Text(missing), missing.Length, chunks.Size, damaged);
    }
}
