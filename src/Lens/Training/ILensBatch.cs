using HeadTap.Models;

namespace HeadTap.Lens;

/// <summary>Gathers what a step fits lenses to.</summary>
interface ILensBatch : IDisposable
{
    /// <summary>Largest number of positions.</summary>
    int Capacity { get; }

    /// <summary>Number of positions since <see cref="Clear"/>.</summary>
    int Count { get; }

    /// <summary>Discards the positions.</summary>
    void Clear();

    /// <summary>Runs the model on rows and appends positions.</summary>
    /// <param name="rows">Rows to run.</param>
    /// <param name="positions">Flat indices b T + t.</param>
    /// <param name="pass">Number of the pass; negative in an evaluation.</param>
    /// <param name="firstRow">Number of rows before these, in the step or evaluation plus the step's
    /// number.</param>
    void Add(SequenceBatch rows, ReadOnlySpan<int> positions, long pass, long firstRow);

    /// <summary>
    /// Returns the fits of these layers, one after the other: each is valid until the next one is taken.
    /// </summary>
    IEnumerable<LensFit> Fits(IReadOnlyList<int> layers);
}
