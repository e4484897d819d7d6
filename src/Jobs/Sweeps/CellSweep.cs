using System.Text.Json.Nodes;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>
/// The sweep of a verb as cells that know nothing of each other. The verb computes one cell after the other
/// in its own folder; a plan lets many processes compute them, and puts their rows into such a folder. Both
/// call what is here, so both end with the same bytes.
/// </summary>
abstract class CellSweep
{
    /// <summary>Number of cells; at least 1.</summary>
    internal abstract int Count { get; }

    /// <summary>Folders of the models that the cells run.</summary>
    internal abstract IReadOnlyList<string> Models { get; }

    /// <summary>Files that the cells read; may be empty.</summary>
    internal abstract IReadOnlyList<string> Files { get; }

    /// <summary>Says what a cell computes, for the plan's list.</summary>
    internal abstract JsonObject Describe(int cell);

    /// <summary>Makes a worker with its own model.</summary>
    /// <param name="device">Device of the worker, which must live longer.</param>
    /// <param name="context">Gets remarks.</param>
    /// <exception cref="UserException">A model cannot be read or does not fit the device.</exception>
    internal abstract ICellWorker Open(ComputeDevice device, JobContext context);

    /// <summary>Writes the files of the verb from the rows of all cells.</summary>
    /// <param name="folder">The folder, new or begun by the same call.</param>
    /// <param name="cells">Rows by cell, in order.</param>
    /// <param name="device">Device that computed them.</param>
    /// <param name="context">Gets remarks.</param>
    /// <returns>The verb's own result.</returns>
    /// <exception cref="UserException">The folder holds other work or cannot be written, or a row is
    /// damaged.</exception>
    internal abstract ISweepResult Report(string folder,
        IEnumerable<IReadOnlyList<(string File, string Line)>> cells, RunDevice device, JobContext context);
}
