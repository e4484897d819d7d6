using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HeadTap.PtxMachine;

/// <summary>The numbers that tensor cores multiply: how many a register holds, and their value.</summary>
interface IMatrixNumber
{
    /// <summary>Numbers of a 32-bit register.</summary>
    static abstract int PerRegister { get; }

    /// <summary>One of them as float32.</summary>
    static abstract float Value(uint register, int index);
}

/// <summary>
/// mma.sync.aligned.m16n8k*.row.col.f32: D = A B + C with A 16 by k, B k by 8. Products are exact in
/// float32; each sum takes C first, then k upward, rounded at every step.
/// </summary>
static unsafe class MatrixForms
{
    /// <summary>Imm is k. List holds the registers of D (4), A, B, C (4) one after the other.</summary>
    public static void Run<T>(Op* op, Warp warp) where T : IMatrixNumber
    {
        if (warp.Mask == 0)
            return;
        WarpForms.RequireAll(op, warp);
        int k = (int)op->Imm, perRegister = T.PerRegister;
        int chunks = k / (4 * perRegister);
        int* dList = op->List, aList = dList + 4, bList = aList + 2 * chunks, cList = bList + chunks;
        float* a = stackalloc float[16 * 16];
        float* b = stackalloc float[16 * 8];
        float* c = stackalloc float[16 * 8];
        for (int lane = 0; lane < Warp.Lanes; lane++)
        {
            int group = lane >> 2, member = lane & 3;
            for (int chunk = 0; chunk < chunks; chunk++)
                for (int e = 0; e < perRegister; e++)
                {
                    int at = (4 * chunk + member) * perRegister + e;
                    a[group * 16 + at] = T.Value(Word(warp, aList[2 * chunk], lane), e);
                    a[(group + 8) * 16 + at] = T.Value(Word(warp, aList[2 * chunk + 1], lane), e);
                    b[at * 8 + group] = T.Value(Word(warp, bList[chunk], lane), e);
                }
            for (int i = 0; i < 4; i++)
                c[(group + (i >> 1) * 8) * 8 + 2 * member + (i & 1)] =
                    BitConverter.UInt32BitsToSingle(Word(warp, cList[i], lane));
        }
        for (int row = 0; row < 16; row++)
        {
            Vector256<float> sum = Vector256.Load(c + 8 * row);
            for (int i = 0; i < k; i++)
                sum = Vector256.FusedMultiplyAdd(
                    Vector256.Create(a[16 * row + i]), Vector256.Load(b + 8 * i), sum);
            sum = Vector256.ConditionalSelect(Vector256.Equals(sum, sum), sum,
                Vector256.Create(FloatBits.NaN).AsSingle());
            sum.Store(c + 8 * row);
        }
        for (int i = 0; i < 4; i++)
        {
            float* d = (float*)(warp.Registers + dList[i]);
            for (int lane = 0; lane < Warp.Lanes; lane++)
                d[lane] = c[((lane >> 2) + (i >> 1) * 8) * 8 + 2 * (lane & 3) + (i & 1)];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint Word(Warp warp, int offset, int lane) => ((uint*)(warp.Registers + offset))[lane];
}

/// <summary>TF32: the low 13 bits of a register do not count.</summary>
readonly struct Tf32Matrix : IMatrixNumber
{
    public static int PerRegister => 1;

    public static float Value(uint register, int index) =>
        BitConverter.UInt32BitsToSingle(register & 0xffffe000);
}

/// <summary>bfloat16: the upper half of a float32.</summary>
readonly struct Bf16Matrix : IMatrixNumber
{
    public static int PerRegister => 2;

    public static float Value(uint register, int index) =>
        BitConverter.UInt32BitsToSingle(index == 0 ? register << 16 : register & 0xffff0000);
}

/// <summary>float16</summary>
readonly struct F16Matrix : IMatrixNumber
{
    public static int PerRegister => 2;

    public static float Value(uint register, int index) =>
        (float)BitConverter.UInt16BitsToHalf((ushort)(register >> 16 * index));
}
