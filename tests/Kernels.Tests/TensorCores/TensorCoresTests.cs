using HeadTap.Reference;
using HeadTap.Runtime;
using ILGPU;
using ILGPU.Runtime;
using static HeadTap.Kernels.Tests.Numbers;

namespace HeadTap.Kernels.Tests;

/// <summary>Fragments of tensor cores, computed through shared memory on the simulator.</summary>
public class TensorCoresTests
{
    [Test]
    public void Tf32_fragments_give_the_product_of_rounded_operands()
    {
        float[] x = Normal(1, 16 * 8), weight = Normal(2, 8 * 8);
        float[] y = Run(Tf32Tile<SimulatorTensorCores>, x, weight);
        Agrees(x, weight, 8, ReducedPrecision.Tf32, y);
    }

    [Test, Combinatorial]
    public void Bf16_fragments_give_the_product_of_rounded_operands([Values] bool transposed)
    {
        float[] x = Normal(3, 16 * 16), weight = Normal(4, 16 * 8);
        float[] y = transposed
            ? Run(Bf16TransposedTile<SimulatorTensorCores>, x, weight)
            : Run(Bf16Tile<SimulatorTensorCores>, x, weight);
        Agrees(x, weight, 16, ReducedPrecision.Bf16, y);
    }

    // Ties both ways, the largest numbers, infinities, NaN, zero, the least subnormal.
    static readonly float[] Hostile =
    [
        1f + 1f / 2048, 1f + 3f / 2048, -1f - 1f / 2048, 1f + 1f / 256, 1f + 3f / 256,
        -1f - 1f / 256, 0.1f, -3.7e-5f,
        float.MaxValue, -float.MaxValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
        BitConverter.Int32BitsToSingle(0x7FFFFFFF),
        BitConverter.Int32BitsToSingle(0x7F800001), 0f, float.Epsilon,
        1e-40f, 65504f, 3.3895314e38f,
    ];

    [Test]
    public void Rounding_agrees_with_arithmetic_in_float64()
    {
        foreach (float value in Hostile.Concat(Normal(5, 1000)))
        {
            float tf32 = BitConverter.UInt32BitsToSingle(SimulatorTensorCores.Tf32(value));
            uint pair = SimulatorTensorCores.Bf16Pair(value, -value);
            Assert.That(tf32, Is.EqualTo(ReducedPrecision.Tf32(value)), $"tf32 {value:R}");
            Assert.That(BitConverter.UInt32BitsToSingle(pair << 16),
                Is.EqualTo(ReducedPrecision.Bf16(value)), $"{value:R}");
            Assert.That(BitConverter.UInt32BitsToSingle(pair & 0xFFFF0000),
                Is.EqualTo(ReducedPrecision.Bf16(-value)));
        }
    }

    // x [16, 8], weight [8, 8] as [column][term]; rows of 12 words, so that no two parts of the tile look
    // alike.
    internal static void Tf32Tile<TCores>(ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y)
        where TCores : struct, ITensorCores
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(24 * 12);
        int lane = Group.IdxX, origin = TCores.Origin(shared);
        long xAt = TCores.Address(x);
        TCores.Copy4(shared, origin, lane / 2 * 12 + lane % 2 * 4, x, xAt, lane * 4, 4);
        for (int e = lane; e < 64; e += 32)
            TCores.Copy1(shared, origin, (16 + e % 8) * 12 + e / 8, weight, TCores.Address(weight), e, 1);
        TCores.Commit();
        TCores.WaitAll();
        Group.Barrier(); // both operands are there
        LeftFragment a = TCores.Load4(shared, origin, lane % 16 * 12 + lane / 16 * 4);
        RightFragment b = TCores.Load2(shared, origin, (16 + lane % 8) * 12 + lane / 8 % 2 * 4);
        a = new LeftFragment
        {
            R0 = R<TCores>(a.R0), R1 = R<TCores>(a.R1), R2 = R<TCores>(a.R2), R3 = R<TCores>(a.R3),
        };
        b = new RightFragment { R0 = R<TCores>(b.R0), R1 = R<TCores>(b.R1) };
        Store(y, TCores.MultiplyTf32(a, b, default));
    }

    // x [16, 16] as [row][pair], weight [16, 8] as [term][pair of columns].
    internal static void Bf16Tile<TCores>(ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y)
        where TCores : struct, ITensorCores
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(32 * 12);
        int lane = Group.IdxX, origin = TCores.Origin(shared);
        for (int e = lane; e < 128; e += 32)
            shared[e / 8 * 12 + e % 8] = Interop.IntAsFloat(TCores.Bf16Pair(x[2 * e], x[2 * e + 1]));
        for (int e = lane; e < 64; e += 32)
            shared[(16 + e / 4) * 12 + e % 4] =
                Interop.IntAsFloat(TCores.Bf16Pair(weight[2 * e], weight[2 * e + 1]));
        Group.Barrier(); // both operands are there
        LeftFragment a = TCores.Load4(shared, origin, lane % 16 * 12 + lane / 16 * 4);
        RightFragment b = TCores.Load2Transposed(shared, origin, (16 + lane % 16) * 12);
        Store(y, TCores.MultiplyBf16(a, b, default));
    }

    // x as [term][pair of rows], weight as [column][pair].
    internal static void Bf16TransposedTile<TCores>(
        ArrayView<float> x, ArrayView<float> weight, ArrayView<float> y)
        where TCores : struct, ITensorCores
    {
        ArrayView<float> shared = SharedMemory.Allocate<float>(24 * 12);
        int lane = Group.IdxX, origin = TCores.Origin(shared);
        for (int e = lane; e < 128; e += 32)
        {
            int k = e / 8, row = e % 8 * 2;
            shared[k * 12 + e % 8] =
                Interop.IntAsFloat(TCores.Bf16Pair(x[row * 16 + k], x[(row + 1) * 16 + k]));
        }
        for (int e = lane; e < 64; e += 32)
        {
            int column = e / 8, k = e % 8 * 2;
            shared[(16 + column) * 12 + e % 8] = Interop.IntAsFloat(
                TCores.Bf16Pair(weight[k * 8 + column], weight[(k + 1) * 8 + column]));
        }
        Group.Barrier(); // both operands are there
        LeftFragment a = TCores.Load4Transposed(
            shared, origin, (lane % 8 + lane / 16 * 8) * 12 + lane / 8 % 2 * 4);
        RightFragment b = TCores.Load2(shared, origin, (16 + lane % 8) * 12 + lane / 8 % 2 * 4);
        Store(y, TCores.MultiplyBf16(a, b, default));
    }

    // What ILGPU leaves in local memory, and what has to stay there: a place whose address goes elsewhere,
    // and one that is read in another width.
    [Test]
    public void Locals_become_registers_where_nothing_else_is_done_with_them()
    {
        string ptx = string.Join('\n',
            "\t.local .align 4 .b8 __local_depot0[4];", "\t.local .align 8 .b8 __local_depot1[16];",
            "\t.local .align 4 .b8 __local_depot2[4];", "\t.local .align 8 .b8 __local_depot3[8];",
            "\t.reg .b64\t%rd<9>;", "\tmov.b64\t%rd1, __local_depot0;", "\tmov.b64\t%rd2, __local_depot1;",
            "\tmov.b64\t%rd3, __local_depot2;", "\tmov.b64\t%rd10, __local_depot3;",
            "\tst.local.f32\t[%rd1], 0f00000000;", "\tld.local.f32\t%f1, [%rd1];",
            "\tst.local.b64\t[%rd2], %rd7;", "\tst.local.b64\t[%rd2+8], %rd8;",
            "\tld.local.b64\t%rd9, [%rd2];",
            "\tst.local.b32\t[%rd3], %r1;", "\tadd.s64\t%rd4, %rd3, 4;",
            "\tst.local.b64\t[%rd10], %rd7;", "\tld.local.b32\t%r2, [%rd10+4];", "\tret;");
        Assert.That(PtxLocals.ToRegisters(ptx).Split('\n'), Is.EqualTo(new[]
        {
            "\t.local .align 4 .b8 __local_depot2[4];", "\t.local .align 8 .b8 __local_depot3[8];",
            "\t.reg .b32 %local0;", "\t.reg .b64 %local1;", "\t.reg .b64 %local2;", "\t.reg .b64\t%rd<9>;",
            "\tmov.b64\t%rd3, __local_depot2;", "\tmov.b64\t%rd10, __local_depot3;",
            "\tmov.b32\t%local0, 0f00000000;", "\tmov.b32\t%f1, %local0;",
            "\tmov.b64\t%local1, %rd7;", "\tmov.b64\t%local2, %rd8;", "\tmov.b64\t%rd9, %local1;",
            "\tst.local.b32\t[%rd3], %r1;", "\tadd.s64\t%rd4, %rd3, 4;",
            "\tst.local.b64\t[%rd10], %rd7;", "\tld.local.b32\t%r2, [%rd10+4];", "\tret;",
        }));
    }

    static uint R<TCores>(uint bits) where TCores : struct, ITensorCores
        => TCores.Tf32(Interop.IntAsFloat(bits));

    static void Store(ArrayView<float> y, SumFragment c)
    {
        int at = Group.IdxX / 4 * 8 + Group.IdxX % 4 * 2;
        y[at] = c.C0;
        y[at + 1] = c.C1;
        y[at + 64] = c.C2;
        y[at + 65] = c.C3;
    }

    static float[] Run(
        Action<ArrayView<float>, ArrayView<float>, ArrayView<float>> kernel, float[] x, float[] weight)
    {
        ComputeDevice device = TestDevice.Open("simulator");
        using var arena = new TensorArena(device, x.Length + weight.Length + 512);
        Tensor y = arena.Cut("y", 16, 8);
        device.Accelerator!.LoadStreamKernel(kernel)((1, 32),
            arena.Upload("x", x, x.Length).View, arena.Upload("weight", weight, weight.Length).View, y.View);
        return y.ToArray();
    }

    static void Agrees(float[] x, float[] weight, int K, Func<float, float> round, float[] y)
    {
        float[] left = Array.ConvertAll(x, v => round(v)), right = Array.ConvertAll(weight, v => round(v));
        Agreement.AtMostTwiceFloat32("y", MatMulReference.MatMul(Wide(left), Wide(right), null, 16, K, 8),
            MatMulReference.MatMul(left, right, null, 16, K, 8), y);
    }
}
