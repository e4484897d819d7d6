namespace HeadTap.Jobs;

/// <summary>Computes cells of a sweep on one device.</summary>
interface ICellWorker : IDisposable
{
    /// <summary>Computes a cell. The rows depend on the cell alone, not on those that were computed
    /// before.</summary>
    /// <param name="cell">Number of the cell, from 0.</param>
    /// <param name="cancel">Token that ends the cell.</param>
    /// <returns>The rows of the cell, each with the name of the verb's file that gets it.</returns>
    /// <exception cref="HeadTap.Runtime.UserException">The cell cannot be computed; another try would fail
    /// too.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    IReadOnlyList<(string File, string Line)> Run(int cell, CancellationToken cancel);
}
