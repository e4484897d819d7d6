namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    /// <summary>
    /// Writes <c>y[r,:] = x[r,:] + bias</c>: <see cref="HeadResultsSum"/> over a single head.
    /// </summary>
    /// <param name="x">[rows, C]</param>
    /// <param name="bias">[C]</param>
    /// <param name="y">[rows, C]; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void AddBias(Tensor x, Tensor bias, Tensor y)
    {
        Require(x.Length == y.Length && x.Columns == y.Columns, $"{x} must have the shape of {y}.");
        HeadResultsSum(x, bias, y);
    }
}
