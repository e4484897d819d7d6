using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>The mask of the lowest scores.</summary>
public sealed class SupermaskCase : OpCase<MaskShape>
{
    public override string Room => "Supermask";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(SupermaskKernels)];

    public override string Formula => "mask = 0 for the `count` lowest of (|score|, index), else 1";

    public override string ShapesText => "[n] → [n]";

    public override string Grid =>
        "up to 256 groups of 256, one a 4,096 elements, a launch for each 4 bits of the key and "
        + "one for the mask / 32,768 elements count 11 bits, what shares them is narrowed by 10 "
        + "and 10 bits, 16,384 elements of the mask";

    public override Exactness Exactness => Exactness.Float32Bits;

    public override string ExactnessText => "exact";

    public override string? Tests => "SupermaskTests";

    public override string? Bench => "lowest mask";

    public override string BenchFamily => "supermask";

    public override bool HasSums => false;

    // One element; below a vector; one past the block; an index of two digits; two groups of a kernel's grid.
    protected override IReadOnlyList<MaskShape> Shapes =>
        [
            .. from n in (int[])[1, 7, 257]
               from contents in Enum.GetValues<Scores>()
               select new MaskShape(n, n / 3, contents),
            new(517, 172, Scores.Ties),
        ];

    protected override IReadOnlyList<MaskShape> LargeShapes =>
        [.. from n in (int[])[517, 4099] from contents in Enum.GetValues<Scores>()
               from count in (int[])[0, 1, n / 3, n - 1, n] select new MaskShape(n, count, contents)];

    protected override MaskShape SharedShape => new(3 * 32768 + 77, 40_001, Scores.Ties);

    protected override IReadOnlyList<MaskShape> BenchShapes =>
        [new(128 * 512, 128 * 256, Scores.Normal, 512), new(768 * 3072, 768 * 1536, Scores.Normal, 3072)];

    protected override Cost Bytes(MaskShape s) => new(16.0 * s.N, "4·n·(passes + 2); host 16·n");

    protected override void Declare(MaskShape s, OpData d)
    {
        d.Input("scores", s.Fill());
        d.Output("mask", s.N);
    }

    protected override void Run(MaskShape s, Ops ops, OpRun r)
        => ops.Supermask(r["scores"], r["mask"], s.Count);

    protected override void Oracle<T>(MaskShape s, OpValues<T> v)
    {
        float[] scores = Array.ConvertAll(v["scores"], x => float.CreateChecked(x));
        v["mask"] = Array.ConvertAll(SupermaskReference.Mask(scores, s.Count), x => T.CreateChecked(x));
    }
}

/// <summary>What the scores of a mask are.</summary>
public enum Scores
{
    /// <summary>Normal.</summary>
    Normal,

    /// <summary>Few magnitudes, of both signs.</summary>
    Ties,

    /// <summary>Zeros of both signs.</summary>
    Zeros,

    /// <summary>NaN, infinities, the largest and the least numbers.</summary>
    Hostile,
}

/// <summary>Scores, and how many of them are masked.</summary>
/// <param name="N">Scores.</param>
/// <param name="Count">How many.</param>
/// <param name="Contents">What the scores are.</param>
/// <param name="Columns">Of the matrix, in tables.</param>
public readonly record struct MaskShape(int N, int Count, Scores Contents, int Columns = 0)
{
    internal float[] Fill()
    {
        float[] odd = Contents switch
        {
            Scores.Ties => [-1f, 0.5f, -0.25f, 0f, 1f, 0.25f, -0.5f],
            Scores.Zeros => [-0f, 0f],
            _ =>
            [
                float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, float.Epsilon,
                -float.Epsilon, float.MaxValue, -float.NaN, float.MinValue,
            ],
        };
        return Contents == Scores.Normal ? OpData.Normal(1, N, deviation: 0.03f)
            : [.. Kernels.Tests.Numbers.Integers(2, N, odd.Length).Select(i => odd[i])];
    }

    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString()
        => Columns == 0 ? $"{Count} of {N}, {Contents}" : $"{N / Columns} x {Columns}";
}
