using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.Kernels.Tests.Numbers;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Gradients of a table's rows, added in order.</summary>
public sealed class ScatterAddCase : OpCase<TableShape>
{
    public override string Room => "Embedding";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels => [typeof(EmbeddingKernels)];

    public override string Formula => "dTable[ids[r]] += dY[r], r in order";

    public override string ShapesText => "[rows], [rows,C] → [V,C]";

    public override string Grid =>
        "group of 128 per row, that of an id's first row adds them all / 128 columns";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string? Tests => "EmbeddingTests";

    public override string? Bench => "scatter add";

    public override string BenchFamily => "pointwise";

    public override bool HasSums => true;

    public override IReadOnlyList<(string Input, string Gradient)> Gradients =>
        [("table", "dTable")];

    protected override IReadOnlyList<TableShape> Shapes =>
        [.. from c in (int[])[1, 5, 129, 257] select new TableShape(11, 7, c, true)];

    protected override IReadOnlyList<TableShape> LargeShapes => [new(301, 5, 389, true)];

    protected override TableShape GradientShape => new(11, 7, 3, false);

    protected override IReadOnlyList<TableShape> BenchShapes => [new(1024, 50257, 768, true)];

    protected override Cost Bytes(TableShape s) => Cost.Of(12.0 * s.Rows * s.C);

    protected override Cost Flops(TableShape s) => Cost.Of(1.0 * s.Rows * s.C);

    protected override void Declare(TableShape s, OpData d)
    {
        d.Indices("ids", s.Ids());
        d.Input("dY", Normal(2, (long)s.Rows * s.C, 0, 1000f), s.Rows, s.C);
        if (!s.Adds)
            d.Input("table", Normal(1, s.V * s.C), s.V, s.C);
        // More than one row with an id: only the same additions in the same order give the same bits.
        d.State("dTable", s.Adds ? Ones(s.V * s.C) : new float[s.V * s.C], s.V, s.C);
    }

    protected override void Run(TableShape s, Ops ops, OpRun r)
        => ops.ScatterAdd(r.Indices("ids"), r["dY"], r["dTable"]);

    protected override void Oracle<T>(TableShape s, OpValues<T> v)
        => EmbeddingReference.ScatterAdd(v.Indices("ids"), v["dY"], v["dTable"], s.C);

    protected override double Loss(TableShape s, OpValues<double> v)
    {
        double[] y = new double[s.Rows * s.C];
        EmbeddingReference.Gather(v.Indices("ids"), v["table"], y, s.C);
        return y.Zip(v["dY"], (a, b) => a * b).Sum();
    }
}
