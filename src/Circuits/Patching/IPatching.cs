using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Patches every cell of what it was made for, pair by pair.</summary>
public interface IPatching : IDisposable
{
    /// <summary>Patches every cell for one pair.</summary>
    /// <param name="contrast">The two runs.</param>
    /// <param name="metric">What is measured at the last token.</param>
    /// <param name="direction">Which run takes the other's values.</param>
    /// <param name="done">Gets the share that is done, 0 to 1.</param>
    /// <exception cref="UserException">The pair does not fit, or a run overflows float32.</exception>
    PatchedPair Run(PatchContrast contrast, AnswerMetric metric,
        PatchDirection direction = PatchDirection.Denoise, Action<double>? done = null);
}
