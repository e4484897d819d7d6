using HeadTap.Kernels;
using HeadTap.Reference;
using HeadTap.Runtime;

namespace HeadTap.OpCases;

/// <summary>A nonlinearity of every element.</summary>
public sealed class ActivateCase : OpCase<ActivationShape>
{
    public override string Room => "Pointwise";

    public override int Order => 0;

    public override IReadOnlyList<Type> Kernels => [typeof(ActivationKernels)];

    public override string Formula =>
        "GeluTanh: x / (1 + e^(-2u)), u = √(2/π) (x + 0.044715 x³); GeluExact: x Φ(x), Φ(-z) = "
        + "e^(-z²/2) P((z - 4) / (z + 4)) / (z + 4), P of degree 11; Relu: max(x, 0)";

    public override string ShapesText => "[n] → [n]";

    public override string Grid => "128 threads × up to 65,536 groups / 16,384 elements";

    public override string ExactnessText => "2x; below 0 relative; Relu equal bits";

    public override string? Tests => "ActivationTests";

    public override string? Bench => "GeluTanh forward";

    public override string BenchFamily => "pointwise";

    // One value; a prime; one past the block; several groups. Hostile values stand alone, because
    // the yardstick grows with the largest value.
    protected override IReadOnlyList<ActivationShape> Shapes => ActivationShape.Tested;

    protected override IReadOnlyList<ActivationShape> LargeShapes => ActivationShape.Long;

    protected override IReadOnlyList<ActivationShape> BenchShapes => ActivationShape.Timed;

    protected override Cost Bytes(ActivationShape s) => Cost.Of(8.0 * s.N);

    protected override Cost Flops(ActivationShape s)
        => new(s.Flops * s.N, "28·n (GeluTanh), 50·n (GeluExact), n (Relu)");

    protected override void Declare(ActivationShape s, OpData d)
    {
        d.Input("x", s.Values());
        d.Output("y", s.N);
    }

    protected override void Run(ActivationShape s, Ops ops, OpRun r) => ops.Activate(r["x"], r["y"], s.Kind);

    protected override void Oracle<T>(ActivationShape s, OpValues<T> v)
        => v["y"] = Array.ConvertAll(v["x"], x => s.Value(x));

    protected override string BenchName(ActivationShape s) => $"{s.Kind} forward";
}

/// <summary>A nonlinearity, and what it is applied to.</summary>
/// <param name="Kind">Which.</param>
/// <param name="N">Elements.</param>
/// <param name="Deviation">Of the elements; with one element, the element.</param>
public readonly record struct ActivationShape(Activation Kind, int N, float Deviation)
{
    internal static ActivationShape[] Tested { get; } =
    [
        .. from kind in Enum.GetValues<Activation>()
           from n in (int[])[7, 129, 517]
           select new ActivationShape(kind, n, n == 129 ? 6 : 1),
    ];

    internal static ActivationShape[] Long { get; } =
    [
        .. from kind in Enum.GetValues<Activation>()
           from x in (float[])[0f, 1e-30f, 1e-4f, 3f, 10f, 12.5f, 50f]
           from sign in (int[])[1, -1]
           select new ActivationShape(kind, 1, sign * x),
        .. Enum.GetValues<Activation>().Select(kind => new ActivationShape(kind, 3 * 16384 + 5, 3)),
    ];

    internal static ActivationShape[] Timed { get; } =
        [.. Enum.GetValues<Activation>().Select(kind => new ActivationShape(kind, 1024 * 3072, 1))];

    /// <summary>Operations of an element.</summary>
    internal double Flops => Kind switch
    {
        Activation.GeluTanh => 28,
        Activation.GeluExact => 50,
        _ => 1,
    };

    internal float[] Values() => N == 1 ? [Deviation] : OpData.Normal(1, N, 0, Deviation);

    internal T Value<T>(T x) where T : System.Numerics.IFloatingPointIeee754<T> => Kind switch
    {
        Activation.GeluTanh => ActivationReference.GeluTanh(x),
        Activation.GeluExact => ActivationReference.GeluExact(x),
        _ => ActivationReference.Relu(x),
    };

    internal T Slope<T>(T x) where T : System.Numerics.IFloatingPointIeee754<T> => Kind switch
    {
        Activation.GeluTanh => ActivationReference.GeluTanhSlope(x),
        Activation.GeluExact => ActivationReference.GeluExactSlope(x),
        _ => ActivationReference.ReluSlope(x),
    };

    /// <summary>The extents, and what is not usual.</summary>
    public override string ToString() => N == 1024 * 3072 ? "1024 x 3072"
        : N == 1 ? $"{Kind} of {Deviation:R}" : $"{Kind} of {N} +- {Deviation}";
}
