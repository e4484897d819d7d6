using HeadTap.Runtime;

namespace HeadTap.Lens;

/// <summary>Positions that lenses of some layers are fitted to, and what they must match there.</summary>
/// <param name="Layers">The layers.</param>
/// <param name="Count">Number of positions, n.</param>
/// <param name="Target">[n, V]: logits of the distribution to match.</param>
/// <param name="Base">[n, V]: logits that the lens adds to; null if its own are to match.</param>
/// <param name="Inputs">Returns what the lens of a layer reads.</param>
sealed record LensFit(IReadOnlyList<int> Layers, int Count, TargetLogits Target,
    TargetLogits.Mapped? Base, Func<int, LensInputs> Inputs)
{
    /// <summary>Returns a map's distance from the target.</summary>
    internal KlTerm Term(Tensor x, VocabularyMap map, Tensor losses, Action<int, Tensor>? gradient)
        => new(x, Base is null ? map : map with { Bias = null }, losses, gradient) { Base = Base };
}
