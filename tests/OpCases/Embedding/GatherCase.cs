using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Rows of a table by number, written or added.</summary>
public sealed class GatherCase : OpCase<TableShape>
{
    public override string Room => "Embedding";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(EmbeddingKernels)];

    public override string Formula => "y[r] = table[ids[r]]; += when accumulating";

    public override string ShapesText => "[rows], [V,C] → [rows,C]";

    public override string Grid => "group of 128 per row / rows of 16,384 elements";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "EmbeddingTests";

    public override string? Bench => "gather";

    public override string BenchFamily => "pointwise";

    protected override IReadOnlyList<TableShape> Shapes =>
        [.. from c in (int[])[1, 5, 129, 257]
            from adds in (bool[])[false, true]
            select new TableShape(11, 7, c, adds)];

    protected override IReadOnlyList<TableShape> LargeShapes => [new(301, 5, 389, true)];

    protected override IReadOnlyList<TableShape> BenchShapes =>
        [new(1024, 50257, 768, false), new(1024, 50257, 768, true)];

    protected override Cost Bytes(TableShape s)
        => new(s.Adds ? 12.0 * s.Rows * s.C : 8.0 * s.Rows * s.C, "8·rows·C (adding 12)");

    protected override Cost Flops(TableShape s) => new(s.Adds ? 1.0 * s.Rows * s.C : 0, "0 (adding rows·C)");

    protected override void Declare(TableShape s, OpData d)
    {
        d.Indices("ids", s.Ids());
        d.Input("table", Normal(1, (long)s.V * s.C), s.V, s.C);
        if (s.Adds)
            d.State("y", Ones(s.Rows * s.C), s.Rows, s.C);
        else
            d.Output("y", s.Rows, s.C);
    }

    protected override void Run(TableShape s, Ops ops, OpRun r)
        => ops.Gather(r.Indices("ids"), r["table"], r["y"], s.Adds);

    protected override void Oracle<T>(TableShape s, OpValues<T> v)
    {
        T[] y = s.Adds ? v["y"] : new T[s.Rows * s.C];
        EmbeddingReference.Gather(v.Indices("ids"), v["table"], y, s.C);
        v["y"] = y;
    }

    protected override string BenchName(TableShape s) => s.Adds ? "gather, adding" : "gather";
}

/// <summary>Rows of a table, by number.</summary>
/// <param name="Rows">Rows that are asked for.</param>
/// <param name="V">Rows of the table.</param>
/// <param name="C">Columns.</param>
/// <param name="Adds">True to add to what is there, which is ones; else it is zeros, or overwritten.</param>
public readonly record struct TableShape(int Rows, int V, int C, bool Adds)
{
    // Repeated ids, one that is nowhere, and no id.
    static readonly int[] Few = [3, 0, 3, -1, 6, 3, 1, 0, -1, 2, 3];

    internal int[] Ids()
    {
        int v = V;
        if (Rows == Few.Length)
            return Few;
        if (V < 1000)
            return Kernels.Tests.Numbers.Integers(4, Rows, V);
        // Fourth powers of uniform values: as in text, small ids come again and again.
        var random = new Random(1);
        return [.. Enumerable.Range(0, Rows).Select(_ => (int)(v * Math.Pow(random.NextDouble(), 4)))];
    }

    /// <summary>The extents.</summary>
    public override string ToString()
        => V > 1000 ? $"{Rows} of {V} x {C}" : $"{Rows} of {V} x {C}{(Adds ? ", adding" : "")}";
}
