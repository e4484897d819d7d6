namespace HeadTap.Merge;

/// <summary>How long straight-through learning looks.</summary>
public sealed record StraightThroughOptions
{
    /// <summary>Steps of the gradient.</summary>
    public int Steps { get; init; } = 50;

    /// <summary>Adam's learning rate.</summary>
    public double LearningRate { get; init; } = 1e-3;
}

/// <summary>
/// Straight-through learning of an alignment (Ainsworth et al. 2022, section 3.3): weights that begin as A's
/// follow the gradient of the loss at the midpoint of A and B; B is matched to them after every step, and the
/// match with the lowest loss at the midpoint is kept.
/// </summary>
/// <remarks>
/// The midpoint is <c>(A + B') / 2</c> with B' the projection of the learnt weights onto what symmetries make
/// of B; its gradient passes the projection as if it were none. The paper takes minibatches; here a step sees
/// all texts, which are few. Weights are matched in a few rounds a step, from the shared rows on.
/// </remarks>
static class StraightThrough
{
    const int RoundsAStep = 3;

    // Adam (Kingma and Ba 2014), its own defaults.
    const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;

    /// <summary>What brings B into A's order.</summary>
    /// <param name="a">The model that stays.</param>
    /// <param name="b">The model that will be moved.</param>
    /// <param name="loss">The texts, with gradients.</param>
    /// <param name="options">How weights are matched.</param>
    /// <param name="learning">How long.</param>
    /// <param name="progress">Told the share of steps that are done.</param>
    internal static DecoderSymmetry Match(DecoderWeights a, DecoderWeights b, TextLoss loss,
        AlignmentOptions options, StraightThroughOptions learning, Action<double>? progress = null)
    {
        float[] first = a.ToFlat(), learnt = a.ToFlat(), gradient = new float[first.Length];
        double[] mean = new double[first.Length], square = new double[first.Length];
        DecoderSymmetry? best = null;
        double lowest = double.PositiveInfinity;
        for (int step = 0; step <= learning.Steps; step++)
        {
            DecoderSymmetry symmetry = WeightMatching.Match(DecoderWeights.Of(a.Config, learnt), b,
                step == 0 ? options
                    : options with { MostRounds = Math.Min(RoundsAStep, options.MostRounds) });
            DecoderWeights moved = symmetry.Of(b);
            FreeParts.Copy(a, moved);
            float[] middle = LineLosses.Place(first, moved.ToFlat(), 0.5);
            double value = loss.Gradient(middle, gradient);
            if (best is null || value < lowest)
                (best, lowest) = (symmetry, value);
            Step(step + 1, learnt, gradient, mean, square, learning.LearningRate);
            progress?.Invoke((step + 1.0) / (learning.Steps + 1));
        }
        return best!;
    }

    static void Step(int t, float[] weights, float[] gradient, double[] mean, double[] square, double rate)
    {
        double first = 1 - Math.Pow(Beta1, t), second = 1 - Math.Pow(Beta2, t);
        for (int i = 0; i < weights.Length; i++)
        {
            double g = gradient[i];
            mean[i] = Beta1 * mean[i] + (1 - Beta1) * g;
            square[i] = Beta2 * square[i] + (1 - Beta2) * g * g;
            weights[i] -= (float)(rate * (mean[i] / first) / (Math.Sqrt(square[i] / second) + Epsilon));
        }
    }
}
