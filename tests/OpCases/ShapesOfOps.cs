namespace HeadTap.OpCases;

/// <summary>A vector.</summary>
/// <param name="N">Elements.</param>
/// <param name="Columns">Columns of the matrix that it is, where a table shows one.</param>
public readonly record struct VectorShape(int N, int Columns = 0)
{
    /// <summary>The extents.</summary>
    public override string ToString() => Columns == 0 ? $"{N}" : $"{N / Columns} x {Columns}";
}

/// <summary>A matrix.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="C">Columns.</param>
/// <param name="Mean">Of its values.</param>
public readonly record struct MatrixShape(int Rows, int C, float Mean = 0)
{
    /// <summary>The extents.</summary>
    public override string ToString() => Mean == 0 ? $"{Rows} x {C}" : $"{Rows} x {C}, mean {Mean}";
}

/// <summary>A product of [rows, K] and [K, N].</summary>
/// <param name="Rows">Rows.</param>
/// <param name="K">Terms.</param>
/// <param name="N">Columns.</param>
public readonly record struct ProductShape(int Rows, int K, int N)
{
    /// <summary>The extents.</summary>
    public override string ToString() => $"{Rows} x {K} x {N}";
}
