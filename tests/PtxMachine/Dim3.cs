namespace HeadTap.PtxMachine;

/// <summary>Three sizes or three indices, as a launch has them; x runs fastest.</summary>
/// <param name="X">Along x.</param>
/// <param name="Y">Along y.</param>
/// <param name="Z">Along z.</param>
public readonly record struct Dim3(int X, int Y = 1, int Z = 1)
{
    /// <summary>The product of the three sizes.</summary>
    public long Count => (long)X * Y * Z;

    /// <summary>The three indices of a running number; these are the sizes.</summary>
    internal Dim3 At(long index) => new((int)(index % X), (int)(index / X % Y), (int)(index / X / Y));

    /// <inheritdoc/>
    public override string ToString() => $"({X},{Y},{Z})";
}
