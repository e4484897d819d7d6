using System.Runtime.CompilerServices;
using ILGPU;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Kernels;

/// <summary>Tensor cores, ldmatrix and cp.async through inline PTX: CUDA devices from sm_80 on.</summary>
/// <remarks>
/// Fragments are values: ILGPU writes each operand of an inline instruction to local memory and reads it
/// back, and ptxas removes both (64 x 64 sums a warp: 32 HMMA and 8 LDSM a step, no local access, no stack).
/// </remarks>
public readonly struct PtxTensorCores : ITensorCores
{
    /// <inheritdoc/>
    public static int Origin(ArrayView<float> shared)
    {
        // ILGPU gives no address of a view as a number, but names a kernel's first shared allocation so.
        CudaAsm.Emit("mov.u32 %0, __shared_alloca0;", out int origin);
        if (Group.DimX == 0) // never; without an access of its own ILGPU would drop the allocation
            shared[0] = 0f;
        return origin;
    }

    /// <inheritdoc/>
    public static long Address(ArrayView<float> global)
        => Unsafe.As<ArrayView<float>, long>(ref global); // a view is its pointer and its length

    /// <inheritdoc/>
    public static SumFragment MultiplyTf32(LeftFragment a, RightFragment b, SumFragment c)
    {
        Ref<float> c0 = c.C0, c1 = c.C1, c2 = c.C2, c3 = c.C3;
        Input<uint> a0 = a.R0, a1 = a.R1, a2 = a.R2, a3 = a.R3, b0 = b.R0, b1 = b.R1;
        CudaAsm.EmitRef("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
            + "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};",
            ref c0, ref c1, ref c2, ref c3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1);
        return new SumFragment { C0 = c0.Value, C1 = c1.Value, C2 = c2.Value, C3 = c3.Value };
    }

    /// <inheritdoc/>
    public static SumFragment MultiplyBf16(LeftFragment a, RightFragment b, SumFragment c)
    {
        Ref<float> c0 = c.C0, c1 = c.C1, c2 = c.C2, c3 = c.C3;
        Input<uint> a0 = a.R0, a1 = a.R1, a2 = a.R2, a3 = a.R3, b0 = b.R0, b1 = b.R1;
        CudaAsm.EmitRef("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            + "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};",
            ref c0, ref c1, ref c2, ref c3, ref a0, ref a1, ref a2, ref a3, ref b0, ref b1);
        return new SumFragment { C0 = c0.Value, C1 = c1.Value, C2 = c2.Value, C3 = c3.Value };
    }

    /// <inheritdoc/>
    public static LeftFragment Load4(ArrayView<float> shared, int origin, int word)
    {
        Output<uint> r0 = default, r1 = default, r2 = default, r3 = default;
        Input<int> at = origin + 4 * word;
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];",
            ref r0, ref r1, ref r2, ref r3, ref at);
        return new LeftFragment { R0 = r0.Value, R1 = r1.Value, R2 = r2.Value, R3 = r3.Value };
    }

    /// <inheritdoc/>
    public static RightFragment Load2(ArrayView<float> shared, int origin, int word)
    {
        Output<uint> r0 = default, r1 = default;
        Input<int> at = origin + 4 * word;
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];", ref r0, ref r1, ref at);
        return new RightFragment { R0 = r0.Value, R1 = r1.Value };
    }

    /// <inheritdoc/>
    public static LeftFragment Load4Transposed(ArrayView<float> shared, int origin, int word)
    {
        Output<uint> r0 = default, r1 = default, r2 = default, r3 = default;
        Input<int> at = origin + 4 * word;
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];",
            ref r0, ref r1, ref r2, ref r3, ref at);
        return new LeftFragment { R0 = r0.Value, R1 = r1.Value, R2 = r2.Value, R3 = r3.Value };
    }

    /// <inheritdoc/>
    public static RightFragment Load2Transposed(ArrayView<float> shared, int origin, int word)
    {
        Output<uint> r0 = default, r1 = default;
        Input<int> at = origin + 4 * word;
        CudaAsm.EmitRef("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];",
            ref r0, ref r1, ref at);
        return new RightFragment { R0 = r0.Value, R1 = r1.Value };
    }

    /// <inheritdoc/>
    public static uint Tf32(float value)
    {
        CudaAsm.Emit("cvt.rna.tf32.f32 %0, %1;", out uint rounded, value);
        return rounded;
    }

    /// <inheritdoc/>
    public static uint Bf16Pair(float low, float high)
    {
        // the first goes to the upper half
        CudaAsm.Emit("cvt.rn.bf16x2.f32 %0, %1, %2;", out uint pair, high, low);
        return pair;
    }

    /// <inheritdoc/>
    public static void Copy4(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global,
        long address, long at, int count)
        => CudaAsm.Emit("cp.async.cg.shared.global [%0], [%1], 16, %2;",
            origin + 4 * word, address + 4 * at, 4 * count);

    /// <inheritdoc/>
    public static void Copy1(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global,
        long address, long at, int count)
        => CudaAsm.Emit("cp.async.ca.shared.global [%0], [%1], 4, %2;",
            origin + 4 * word, address + 4 * at, 4 * count);

    /// <inheritdoc/>
    public static void Commit() => CudaAsm.Emit("cp.async.commit_group;");

    /// <inheritdoc/>
    public static void WaitAll() => CudaAsm.Emit("cp.async.wait_group 0;");

    /// <inheritdoc/>
    public static void WaitAllButOne() => CudaAsm.Emit("cp.async.wait_group 1;");

    /// <inheritdoc/>
    public static void WaitAllButTwo() => CudaAsm.Emit("cp.async.wait_group 2;");
}
