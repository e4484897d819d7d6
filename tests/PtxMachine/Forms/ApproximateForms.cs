using System.Runtime.Intrinsics;
using Double = System.Runtime.Intrinsics.Vector512<double>;

namespace HeadTap.PtxMachine;

/// <summary>A function that PTX computes approximately.</summary>
interface IApproximate
{
    /// <summary>The exact value, as far as float64 has it.</summary>
    static abstract Double Do(Double x);

    /// <summary>By how much a result may be off at most, from the argument and the exact value.</summary>
    static abstract double Error(double x, double y);
}

/// <summary>
/// The approximate instructions: rounded once from float64, or off by as much as the PTX manual allows.
/// </summary>
static unsafe class ApproximateForms
{
    /// <summary>One source.</summary>
    public static void Run<T>(Op* op, Warp warp) where T : IApproximate =>
        warp.Store(op->D, Half<T>(warp, WordForms.Low(warp, op->A)),
            Half<T>(warp, WordForms.High(warp, op->A)));

    /// <summary>One source; subnormal numbers are zeros.</summary>
    public static void RunFlushed<T>(Op* op, Warp warp) where T : IApproximate => warp.Store(op->D,
        FloatBits.Flush(Half<T>(warp, FloatBits.Flush(WordForms.Low(warp, op->A)))),
        FloatBits.Flush(Half<T>(warp, FloatBits.Flush(WordForms.High(warp, op->A)))));

    /// <summary>div.approx.f32: 2 units in the last place; zero where the divisor is above 2^126.</summary>
    public static void Divide(Op* op, Warp warp) => Divide(op, warp, full: false);

    /// <summary>div.full.f32: 2 units in the last place everywhere.</summary>
    public static void DivideFull(Op* op, Warp warp) => Divide(op, warp, full: true);

    static void Divide(Op* op, Warp warp, bool full)
    {
        float* a = (float*)(warp.Registers + op->A), b = (float*)(warp.Registers + op->B);
        uint* d = stackalloc uint[Warp.Lanes];
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            double y = (double)a[lane] / b[lane];
            if (!full && Math.Abs(b[lane]) > 8.507059173023462e37f && float.IsFinite(b[lane]))
                y = float.IsFinite(a[lane]) ? Math.CopySign(0, y) : double.NaN;
            if (warp.Block.WorstCase)
                y = Worst(warp, y, Math.Abs(y) * 2 / (1 << 23), BitConverter.SingleToUInt32Bits(a[lane])
                    ^ uint.RotateLeft(BitConverter.SingleToUInt32Bits(b[lane]), 16));
            d[lane] = double.IsNaN(y) ? FloatBits.NaN : BitConverter.SingleToUInt32Bits((float)y);
        }
        warp.Store(op->D, Vector512.Load(d), Vector512.Load(d + 16));
    }

    static Vector512<uint> Half<T>(Warp warp, Vector512<uint> x) where T : IApproximate
    {
        Double low = Vector512.WidenLower(x.AsSingle()), high = Vector512.WidenUpper(x.AsSingle());
        Double yLow = T.Do(low), yHigh = T.Do(high);
        if (warp.Block.WorstCase)
        {
            yLow = Worst<T>(warp, low, yLow);
            yHigh = Worst<T>(warp, high, yHigh);
        }
        return FloatBits.Result(Vector512.Narrow(yLow, yHigh));
    }

    static Double Worst<T>(Warp warp, Double x, Double y) where T : IApproximate
    {
        for (int i = 0; i < Double.Count; i++)
            y = y.WithElement(i, Worst(warp, y[i], T.Error(x[i], y[i]),
                BitConverter.SingleToUInt32Bits((float)x[i])));
        return y;
    }

    // The sign depends on the seed and on the argument alone: equal calls answer equal numbers.
    static double Worst(Warp warp, double y, double error, uint bits)
    {
        if (!double.IsFinite(y) || y == 0)
            return y;
        uint hash = (bits ^ (uint)warp.Block.Launch.Checks.Seed * 0x9e3779b9u) * 0x85ebca6bu;
        hash = (hash ^ hash >> 15) * 0xc2b2ae35u;
        return (hash >> 31) == 0 ? y + error : y - error;
    }

    /// <summary>A function that has no vectors.</summary>
    public static Double Each(Double x, Func<double, double> function)
    {
        for (int i = 0; i < Double.Count; i++)
            x = x.WithElement(i, function(x[i]));
        return x;
    }
}

/// <summary>ex2.approx.f32: off by 2^-22 of the value.</summary>
readonly struct Exp2 : IApproximate
{
    public static Double Do(Double x)
    {
        // Past +-200 the result is 0 or infinite in float32 anyway.
        Double within = Vector512.Min(Vector512.Max(x, Vector512.Create(-200.0)), Vector512.Create(200.0));
        Double whole = Vector512.Round(within);
        Double fraction = Vector512.Exp((within - whole) * Vector512.Create(Math.Log(2)));
        Double power = (Vector512.ConvertToInt64(whole) + Vector512.Create(1023L) << 52).AsDouble();
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), fraction * power, x);
    }

    public static double Error(double x, double y) => Math.ScaleB(Math.Abs(y), -22);
}

/// <summary>lg2.approx.f32: off by 2^-22 between 0.5 and 2, elsewhere by 2^-22 of the value.</summary>
readonly struct Log2 : IApproximate
{
    public static Double Do(Double x) => ApproximateForms.Each(x, Math.Log2);

    public static double Error(double x, double y) => Math.ScaleB(x is > 0.5 and < 2 ? 1 : Math.Abs(y), -22);
}

/// <summary>rcp.approx.f32: off by one unit in the last place.</summary>
readonly struct ReciprocalApproximate : IApproximate
{
    public static Double Do(Double x) => Double.One / x;

    public static double Error(double x, double y) => Math.ScaleB(Math.Abs(y), -23);
}

/// <summary>sqrt.approx.f32: off by 2^-23 of the value.</summary>
readonly struct RootApproximate : IApproximate
{
    public static Double Do(Double x) => Vector512.Sqrt(x);

    public static double Error(double x, double y) => Math.ScaleB(Math.Abs(y), -23);
}

/// <summary>rsqrt.approx.f32: off by 2^-22.9 of the value.</summary>
readonly struct ReciprocalRoot : IApproximate
{
    public static Double Do(Double x) => Double.One / Vector512.Sqrt(x);

    public static double Error(double x, double y) => Math.Abs(y) * Math.Pow(2, -22.9);
}

/// <summary>tanh.approx.f32: off by 2^-11 of the value.</summary>
readonly struct TanhApproximate : IApproximate
{
    public static Double Do(Double x) => ApproximateForms.Each(x, Math.Tanh);

    public static double Error(double x, double y) => Math.ScaleB(Math.Abs(y), -11);
}

/// <summary>sin.approx.f32: off by 2^-20.5 within 2 pi of zero; the machine takes that everywhere.</summary>
readonly struct SinApproximate : IApproximate
{
    public static Double Do(Double x) => ApproximateForms.Each(x, Math.Sin);

    public static double Error(double x, double y) => Math.Pow(2, -20.5);
}

/// <summary>cos.approx.f32: off by 2^-20.5 within 2 pi of zero; the machine takes that everywhere.</summary>
readonly struct CosApproximate : IApproximate
{
    public static Double Do(Double x) => ApproximateForms.Each(x, Math.Cos);

    public static double Error(double x, double y) => Math.Pow(2, -20.5);
}
