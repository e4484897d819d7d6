using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>The column of the largest element of a row.</summary>
public sealed class ArgMaxCase : OpCase<TopShape>
{
    public override string Room => "Reductions";

    public override int Order => 7;

    public override IReadOnlyList<Type> Kernels => [typeof(TopKKernels)];

    public override string Formula => "column of the largest; ties to the lowest, NaN largest";

    public override string ShapesText => "[rows,V] → [rows]";

    public override string Grid => "group of 256 per row / rows of 16384 elements together";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string ExactnessText => "exact";

    public override string? Tests => "TopKTests";

    public override string? Bench => "argmax";

    public override string BenchFamily => "reductions";

    public override bool HasSums => false;

    protected override IReadOnlyList<TopShape> Shapes => TopShape.Each((3, 1, 1), (2, 7, 1), (3, 257, 1));

    protected override IReadOnlyList<TopShape> LargeShapes => TopShape.Each((2, 1025, 1), (3, 2051, 1));

    protected override IReadOnlyList<TopShape> BenchShapes => [new(256, 50257, 1, Logits.Normal)];

    protected override Cost Bytes(TopShape s) => Cost.Of(4.0 * s.Rows * s.V);

    protected override void Declare(TopShape s, OpData d)
    {
        d.Input("x", s.Fill(), s.Rows, s.V);
        d.IndexOutput("indices", s.Rows);
    }

    protected override void Run(TopShape s, Ops ops, OpRun r) => ops.ArgMax(r["x"], r.Indices("indices"));

    protected override void Oracle<T>(TopShape s, OpValues<T> v) => v.SetIndices("indices", s.Best(v["x"]));
}

/// <summary>What rows of logits hold.</summary>
public enum Logits
{
    /// <summary>Normal values.</summary>
    Normal,

    /// <summary>Few values, each many times.</summary>
    Ties,

    /// <summary>Each larger than the one before.</summary>
    Ascending,

    /// <summary>Each smaller than the one before.</summary>
    Descending,

    /// <summary>NaN, infinities, zeros of both signs among them.</summary>
    Hostile,

    /// <summary>One value.</summary>
    Equal,
}

/// <summary>Rows of logits, and how many of the largest are taken.</summary>
/// <param name="Rows">Rows.</param>
/// <param name="V">Vocabulary.</param>
/// <param name="K">How many.</param>
/// <param name="Contents">What they hold.</param>
public readonly record struct TopShape(int Rows, int V, int K, Logits Contents)
{
    internal static TopShape[] Each(params (int Rows, int V, int K)[] sizes) =>
        [.. from s in sizes
            from contents in Enum.GetValues<Logits>()
            select new TopShape(s.Rows, s.V, s.K, contents)];

    /// <summary>Indices of the K largest of each row, by sorting.</summary>
    internal int[] Best<T>(T[] x) where T : System.Numerics.IFloatingPointIeee754<T>
    {
        int k = K;
        float[] values = Array.ConvertAll(x, v => float.CreateChecked(v));
        return [.. values.Chunk(V).SelectMany(row => TopKReference.Indices(row, k))];
    }

    internal float[] Fill()
    {
        int count = Rows * V;
        float[] x = Contents switch
        {
            Logits.Ties => [.. Kernels.Tests.Numbers.Integers(1, count, 9).Select(i => i - 4f)],
            Logits.Ascending => [.. Enumerable.Range(0, count).Select(i => i * 0.5f - 70)],
            Logits.Descending => [.. Enumerable.Range(0, count).Select(i => -1e4f - i)],
            Logits.Equal => [.. Enumerable.Repeat(-3f, count)],
            _ => [.. OpData.Normal(1, count)],
        };
        if (Contents != Logits.Hostile)
            return x;
        float[] odd =
        [
            float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, 0f, float.MaxValue, -float.NaN,
        ];
        int[] places = Kernels.Tests.Numbers.Integers(2, count, odd.Length);
        for (int i = 0; i < count; i += 3)
            x[i] = odd[places[i]];
        return x;
    }

    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString() => Rows == 256 ? $"{Rows} x {V}" : $"{Rows} x {V}, k = {K}, {Contents}";
}
