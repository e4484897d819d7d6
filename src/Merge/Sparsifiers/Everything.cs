namespace HeadTap.Merge;

/// <summary>Keeps all numbers.</summary>
sealed class Everything : ISparsifier, ISparsity
{
    internal static Everything Instance { get; } = new();

    public IReadOnlyList<MergeParameter> Parameters => [];

    public bool ReadsAgain => false;

    public ISparsity Open(ParentTensor tensor, TensorSettings settings, int model) => this;

    public void Apply(long start, Span<float> vector)
    {
    }
}
