namespace HeadTap.Merge;

/// <summary>A method that runs the models on data before it merges them: gradients, activations,
/// losses.</summary>
public abstract class MeasuredMethod : MergeMethod
{
    /// <summary>Measures, and returns the method as it merges with what was found.</summary>
    public abstract MergeMethod Measured(MergeMeasurement measurement);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Nothing was measured.</exception>
    public sealed override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
        => throw new InvalidOperationException($"{Name} merges what Measured returns.");

    /// <summary>How many rows of each model are looked at; 256 by default, as in FusionBench.</summary>
    public static MergeParameter Examples { get; } =
        MergeParameter.Count("examples", 256, 1, "rows of each model that are looked at, the first ones");

    /// <summary>The method with its tensors.</summary>
    private protected MergeMethod With(Func<ParentTensor, TensorSettings, ITensorMerge> open)
        => new Bound(this, open);

    sealed class Bound(MeasuredMethod method, Func<ParentTensor, TensorSettings, ITensorMerge> open)
        : MergeMethod
    {
        public override string Name => method.Name;

        public override string Paper => method.Paper;

        public override string Equation => method.Equation;

        public override IReadOnlyList<MergeParameter> Parameters => method.Parameters;

        public override BaseUse Base => method.Base;

        public override int FewestModels => method.FewestModels;

        public override int MostModels => method.MostModels;

        internal override void Require(string tensor, TensorSettings settings, int models)
            => method.Require(tensor, settings, models);

        public override ITensorMerge Open(ParentTensor tensor, TensorSettings settings)
            => open(tensor, settings);
    }
}
