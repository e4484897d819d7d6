namespace HeadTap.Merge;

/// <summary>
/// One model as it is, or times a factor. With slices it stacks layers of several models (as mergekit defines
/// it; there is no paper).
/// </summary>
public sealed class Passthrough : MergeMethod
{
    /// <inheritdoc/>
    public override string Name => "passthrough";

    /// <inheritdoc/>
    public override string Paper => "mergekit";

    /// <inheritdoc/>
    public override string Equation => "scale theta_1";

    /// <inheritdoc/>
    public override BaseUse Base => BaseUse.None;

    /// <inheritdoc/>
    public override int MostModels => 1;

    /// <inheritdoc/>
    public override IReadOnlyList<MergeParameter> Parameters => [Scale];

    /// <summary>The factor of a model's numbers; 1 by default, as in mergekit.</summary>
    public static MergeParameter Scale { get; } = new("scale", 1, double.NegativeInfinity,
        double.PositiveInfinity, "the factor of every number") { PerModel = true };

    /// <inheritdoc/>
    public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ArgumentNullException.ThrowIfNull(settings);
        return new WeightedSum(tensor, [settings.Of(Scale, 0)]);
    }
}
