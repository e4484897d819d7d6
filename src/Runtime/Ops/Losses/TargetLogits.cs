namespace HeadTap.Runtime;

/// <summary>
/// The logits of a distribution that others are to match: held whole, or made where they are needed.
/// </summary>
public abstract record TargetLogits
{
    TargetLogits()
    {
    }

    /// <summary>Logits that are in memory.</summary>
    /// <param name="Logits">[rows, V]</param>
    public sealed record Held(Tensor Logits) : TargetLogits
    {
        internal override void Check(int rows, int V)
        {
            if (Logits.Rows != rows || Logits.Columns != V)
                throw new ArgumentException($"{Logits} must be [{rows}, {V}].");
        }
    }

    /// <summary>
    /// Logits <c>x W + b</c>, made chunk by chunk: the model's own head on its last LayerNorm.
    /// </summary>
    /// <param name="X">[rows, K]; K is the target's own.</param>
    /// <param name="Map">W and b.</param>
    public sealed record Mapped(Tensor X, VocabularyMap Map) : TargetLogits
    {
        internal override void Check(int rows, int V)
        {
            if (X.Rows != rows || X.Columns != Map.Width || Map.VocabSize != V)
                throw new ArgumentException($"{X} and {Map.Weight} must give logits [{rows}, {V}].");
        }
    }

    internal abstract void Check(int rows, int V);
}
