using HeadTap.Models;

namespace HeadTap.Unlearn;

/// <summary>
/// Hard concrete: a stochastic gate per neuron with parameter s (Louizos et al. 2018, arXiv 1712.01312; arXiv
/// 2410.02159). u ~ U(0.0001, 0.9999), t = sigmoid((ln u - ln(1 - u) + s) / beta), mask = clip(t (r - l) + l,
/// 0, 1). The penalty is P(mask > 0) = sigmoid(s - beta ln(-l / r)), the score sigmoid(s).
/// </summary>
/// <remarks>The first s is drawn from Normal(0, 0.01). Gates are drawn at each step.</remarks>
public sealed class HardConcrete : MaskTraining
{
    const double Left = -0.1, Right = 1.1, Beta = 2.0 / 3, Edge = 1e-4;

    /// <inheritdoc/>
    public override string Name => "hard-concrete";

    /// <inheritdoc/>
    public override string Title => "Hard concrete";

    /// <inheritdoc/>
    public override string Paper => "arXiv 2410.02159, after arXiv 1712.01312";

    /// <inheritdoc/>
    public override string Equation =>
        "as slimming, but t = sigmoid((ln u - ln(1 - u) + s_i) / beta), mask clip(1.2 t - 0.1, 0, "
        + "1), beta 2/3, penalty sigmoid(s_i + beta ln 11), s_i ~ Normal(0, 0.01) at first, score "
        + "sigmoid(s_i)";

    /// <inheritdoc/>
    public override bool Seeded => true;

    internal override int ReferenceTestEvery => 10;

    internal override double Initial(SeededRandom random) => 0.01 * random.NextNormal();

    internal override (double, double) Mask(double s, SeededRandom random)
    {
        double u = Edge + (1 - 2 * Edge) * random.NextDouble();
        double t = Sigmoid((Math.Log(u) - Math.Log(1 - u) + s) / Beta);
        double mask = t * (Right - Left) + Left;
        return (Math.Clamp(mask, 0, 1), mask is >= 0 and <= 1 ? (Right - Left) * t * (1 - t) / Beta : 0);
    }

    internal override (double, double) Penalty(double s)
    {
        double open = Sigmoid(s - Beta * Math.Log(-Left / Right));
        return (open, open * (1 - open));
    }

    internal override double Score(double s) => Sigmoid(s);

    static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
}
