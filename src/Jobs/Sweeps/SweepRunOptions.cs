namespace HeadTap.Jobs;

/// <summary>Options of <see cref="SweepRunJob"/>. Without one of <see cref="Cell"/>, <see cref="Array"/> and
/// <see cref="Range"/> all cells are asked for.</summary>
public sealed record SweepRunOptions
{
    /// <summary>Folder of the plan.</summary>
    public required string Dir { get; init; }

    /// <summary>Number of one cell, or of one chunk with <see cref="Chunk"/>, from 0; null for
    /// others.</summary>
    public int? Cell { get; init; }

    /// <summary>Whether the number comes from the scheduler: SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX,
    /// SGE_TASK_ID or LSB_JOBINDEX, the first that is set.</summary>
    public bool Array { get; init; }

    /// <summary>Numbers of cells, or of chunks, such as 0-3 or 3,7-9; null for others.</summary>
    public string? Range { get; init; }

    /// <summary>Cells of a chunk; null for 1.</summary>
    public int? Chunk { get; init; }

    /// <summary>Number of cells that are computed at once, each with a model of its own; at least
    /// 1.</summary>
    public int Jobs { get; init; } = 1;

    /// <summary>Returns the value of an environment variable; null for none.</summary>
    public Func<string, string?> Environment { get; init; } = System.Environment.GetEnvironmentVariable;
}

/// <summary>A cell that another process works on.</summary>
/// <param name="Cell">Number of the cell.</param>
/// <param name="Holder">Who works on it.</param>
public sealed record ClaimedCell(int Cell, string Holder);

/// <summary>What became of the cells that were asked for.</summary>
/// <param name="Asked">Number of cells that were asked for.</param>
/// <param name="Before">Number of them that were done already.</param>
/// <param name="Computed">Number of cells that this call computed.</param>
/// <param name="Failed">Cells that cannot be computed.</param>
/// <param name="Elsewhere">Cells that other processes still work on.</param>
/// <param name="Interrupted">Whether the call was cancelled before the rest was done.</param>
public sealed record SweepRunResult(int Asked, int Before, int Computed, IReadOnlyList<FailedCell> Failed,
    IReadOnlyList<ClaimedCell> Elsewhere, bool Interrupted);
