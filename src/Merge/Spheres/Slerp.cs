namespace HeadTap.Merge;

/// <summary>
/// Spherical interpolation between two models, tensor by tensor on flattened values (Shoemake 1985,
/// "Animating rotation with quaternion curves").
/// </summary>
public sealed class Slerp : MergeMethod
{
    // From this cosine on the arc is a line within float32's precision, and sin(Omega) is no divisor:
    // mergekit's bound.
    const double Parallel = 0.9995;

    /// <inheritdoc/>
    public override string Name => "slerp";

    /// <inheritdoc/>
    public override string Paper => "Shoemake 1985, doi 10.1145/325334.325242";

    /// <inheritdoc/>
    public override string Equation =>
        "(sin((1 - t) W) theta_1 + sin(t W) theta_2) / sin W, W the angle between them; linear if |cos W| > "
        + "0.9995";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override int FewestModels => 2;

    /// <inheritdoc/>
    public override int MostModels => 2;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [T];

    /// <summary>The place between the models: 0 is the first, 1 the second.</summary>
    public static MergeParameter T { get; } =
        new("t", null, 0, 1,
            "the place: 0 is the first model, or the one that is named as the base, 1 the other");

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        (double first, double second) = Shares(Gram.Of(tensor, taskVectors: false), settings.Of(T));
        return new WeightedSum(tensor, [first, second]);
    }

    /// <summary>The shares of two vectors with these dot products.</summary>
    internal static (double First, double Second) Shares(double[,] gram, double t)
    {
        double cosine = gram[0, 1] / Math.Sqrt(gram[0, 0] * gram[1, 1]);
        if (!(Math.Abs(cosine) <= Parallel)) // this way round: a vector of zeros has no angle
            return (1 - t, t);
        double angle = Math.Acos(cosine), sine = Math.Sin(angle);
        return (Math.Sin((1 - t) * angle) / sine, Math.Sin(t * angle) / sine);
    }
}
