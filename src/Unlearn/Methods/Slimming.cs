using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Slimming: trains a coefficient m_i per neuron, which starts at 1 and replaces the activation by clip(m_i,
/// 0, 1) a_i, with penalty |m_i|. The score is clip(m_i, 0, 1): it is high if the forget set needs the neuron
/// (arXiv 2410.02159, after Liu et al. 2017, arXiv 1708.06519, and Chang et al. 2024, arXiv 2311.09060).
/// </summary>
public sealed class Slimming : MaskTraining
{
    /// <inheritdoc/>
    public override string Name => "slimming";

    /// <inheritdoc/>
    public override string Title => "Slimming";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 1708.06519, 2311.09060";

    /// <inheritdoc/>
    public override string Equation =>
        "L = LM(forget; clip(m_i, 0, 1) a_i) + lambda mean |m_i| by Adam, m_i = 1 at first, until mean "
        + "|m_i| < 0.1; s_i = clip(m_i, 0, 1)";

    internal override int ReferenceTestEvery => 100;

    internal override double Initial(SeededRandom random) => 1;

    // The slope is 1 at both ends too, as in torch: otherwise no coefficient would ever leave 1.
    internal override (double, double) Mask(double m, SeededRandom random)
        => (Math.Clamp(m, 0, 1), m is >= 0 and <= 1 ? 1 : 0);

    internal override (double, double) Penalty(double m) => (Math.Abs(m), Math.Sign(m));

    internal override double Score(double m) => Math.Clamp(m, 0, 1);
}
