using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;
using static HeadTap.OpCases.OpData;

namespace HeadTap.OpCases;

/// <summary>Attention whose z is edited as it is stored.</summary>
public sealed class AttentionEditedCase : OpCase<AttentionReference>
{
    public override string Room => "Attention";

    public override int Order => 1;

    public override IReadOnlyList<Type> Kernels =>
    [
        typeof(AttentionKernels),
        typeof(AttentionTensorKernels),
    ];

    public override string Formula =>
        "`Attention`, then in order x *= factor or x += factor · values on listed rows of heads";

    public override string ShapesText => "table of edits → z, logSumExp";

    public override string Grid => "kernels: `Attention`, edits as z is stored; the host edits afterwards";

    public override Exactness Exactness => Exactness.BitsOfOtherOps;

    public override string ExactnessText => "bits of `EditScale` and `EditAdd`";

    public override string? Tests => "AttentionEditedTests";

    public override bool OnHost => false;

    // One past a tile, heads that no quad divides, two chunks of columns, padding, a row without tokens.
    protected override IReadOnlyList<AttentionReference> Shapes =>
        [new(1, 1, 1, 1, [1], 1), new(3, 5, 3, 6, [4, 0, 5], 0.4), new(1, 34, 2, 66, [33], 0.12)];

    protected override IReadOnlyList<AttentionReference> LargeShapes => [new(2, 70, 2, 64, [70, 37], 0.125)];

    protected override Cost Bytes(AttentionReference s)
        => new(16.0 * s.B * s.T * s.C, "16·rows·C + 4·rows for each edit");

    protected override Cost Flops(AttentionReference s)
        => new(4.0 * s.D * AttentionShapes.Pairs(s), "4·D·pairs");

    protected override void Declare(AttentionReference s, OpData d)
    {
        float[] qkv = Normal(41, s.B * s.T * 3 * s.C);
        qkv[2 * s.C] = float.NaN; // of the first token's first value: zeros are written over it
        d.Input("qkv", qkv, s.B * s.T, 3 * s.C);
        d.Indices("lengths", s.Lengths);
        d.Output("z", s.B * s.T, s.C);
        d.Output("logSumExp", s.B, s.H, s.T);
        foreach ((ZEdit edit, int i) in Edits(s).Select((e, i) => (e, i)))
        {
            d.Indices($"rows {i}", edit.RowIds);
            if (edit.Values is { } values)
                d.Input($"values {i}", values, values.Length / edit.Width, edit.Width);
        }
        d.Spare = Edits(s).Sum(e => FusedZEdits.Floats(s.B * s.T) + (e.Values?.Length ?? 0) + 64L) + 1024;
    }

    protected override void Run(AttentionReference s, Ops ops, OpRun r)
    {
        r.Kept ??= FusedZEdits.Upload(r.Arena, s.B * s.T, Edits(s));
        ops.AttentionEdited(r["qkv"], r.Indices("lengths"), r["z"], r["logSumExp"], (FusedZEdits)r.Kept,
            s.B, s.T, s.H, (float)s.Scale);
    }

    protected override void Separately(AttentionReference s, Ops ops, OpRun r)
    {
        ops.Attention(r["qkv"], r.Indices("lengths"), r["z"], r["logSumExp"], s.B, s.T, s.H, (float)s.Scale);
        foreach ((ZEdit edit, int i) in Edits(s).Select((e, i) => (e, i)))
        {
            if (edit.Values is null)
                ops.EditScale(r.Indices($"rows {i}"), r["z"], edit.Column, edit.Width, edit.Factor);
            else
                ops.EditAdd(r.Indices($"rows {i}"), r[$"values {i}"], r["z"], edit.Column, edit.Factor);
        }
    }

    protected override string Text(AttentionReference s) => $"B={s.B} T={s.T} H={s.H} D={s.D}";

    // Zeros, a factor and two kinds of values; one head, all heads; all rows, some, the last; several of a
    // head, whose order matters.
    internal static ZEdit[] Edits(AttentionReference s)
    {
        (int D, int C, int last) = (s.D, s.C, s.H - 1);
        int[] all = [.. Enumerable.Range(0, s.B).SelectMany(b => Enumerable.Range(b * s.T, s.Lengths[b]))];
        int[] some = [.. all.Where((_, i) => i % 3 != 1).Reverse()];
        return
        [
            new(all, last * D, D, -0.6f, null),
            new(some, last * D, D, 1.7f, Normal(51, D)),
            new([all[^1]], last * D, D, 0.3f, null),
            new([all[0]], 0, D, 0f, null),
            new(some, 0, C, -0.3f, Normal(52, some.Length * C)),
            new(some, 0, C, 1.1f, null),
        ];
    }
}
