using ILGPU;

namespace HeadTap.Kernels;

/// <summary>
/// What a warp of 32 lanes can do together: matrix products of fragments, loads of fragments, copies that run
/// while it computes. Kernels are generic over it: <see cref="PtxTensorCores"/> is the hardware's (CUDA, from
/// sm_80 on), <see cref="SimulatorTensorCores"/> computes the same fragments on the simulator, so that
/// their layouts are tested apart from PTX. All lanes of a warp call together.
/// </summary>
/// <remarks>
/// Layouts are those of mma.m16n8k8 (TF32), mma.m16n8k16 (BF16) and ldmatrix in NVIDIA's PTX ISA manual. A
/// kernel makes exactly one shared allocation and hands over that view, never a part of it, with an index in
/// 32-bit words.
/// </remarks>
public interface ITensorCores
{
    /// <summary>
    /// Where the kernel's only shared allocation begins; call once, hand it to loads and copies.
    /// </summary>
    static abstract int Origin(ArrayView<float> shared);

    /// <summary>The address of a view of global memory; call it once and pass it to the copies.</summary>
    static abstract long Address(ArrayView<float> global);

    /// <summary>c + a b: 16 x 8 terms by 8 terms x 8, TF32 operands, float32 sums.</summary>
    static abstract SumFragment MultiplyTf32(LeftFragment a, RightFragment b, SumFragment c);

    /// <summary>c + a b: 16 x 16 terms by 16 terms x 8, BF16 operands, float32 sums.</summary>
    static abstract SumFragment MultiplyBf16(LeftFragment a, RightFragment b, SumFragment c);

    /// <summary>
    /// Four matrices of 8 rows x 4 words: lane 8i + r points at row r of matrix i, register i of lane 4g + t
    /// gets word t of row g. <paramref name="word"/> begins the row this lane points at and is a multiple of
    /// 4.
    /// </summary>
    static abstract LeftFragment Load4(ArrayView<float> shared, int origin, int word);

    /// <summary>Two matrices as in <see cref="Load4"/>; lanes 0..15 point.</summary>
    static abstract RightFragment Load2(ArrayView<float> shared, int origin, int word);

    /// <summary>
    /// Four matrices of 8 rows x 8 halves, transposed: register i of lane 4g + t gets column g of rows 2t
    /// (lower half) and 2t + 1.
    /// </summary>
    static abstract LeftFragment Load4Transposed(ArrayView<float> shared, int origin, int word);

    /// <summary>Two matrices as in <see cref="Load4Transposed"/>; lanes 0..15 point.</summary>
    static abstract RightFragment Load2Transposed(ArrayView<float> shared, int origin, int word);

    /// <summary>
    /// Nearest TF32 number (10 bits after the point), ties away from zero, as the bits of a float.
    /// </summary>
    static abstract uint Tf32(float value);

    /// <summary>Nearest BF16 numbers, ties to even: <paramref name="low"/> in the lower half.</summary>
    static abstract uint Bf16Pair(float low, float high);

    /// <summary>
    /// Starts copying four floats to shared[word..word + 4): the first <paramref name="count"/> of
    /// global[at..], zeros after them (0 to 4). <paramref name="word"/> is a multiple of 4, and the address
    /// of global[at] one of 16 bytes, even when the count is 0. Not there before a wait and a barrier.
    /// </summary>
    static abstract void Copy4(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global,
        long address, long at, int count);

    /// <summary>The same for one float, without alignment; <paramref name="count"/> is 0 or 1.</summary>
    static abstract void Copy1(
        ArrayView<float> shared, int origin, int word, ArrayView<float> global,
        long address, long at, int count);

    /// <summary>Ends a batch of this lane's copies.</summary>
    static abstract void Commit();

    /// <summary>Waits for all of this lane's batches.</summary>
    static abstract void WaitAll();

    /// <summary>Waits for all of this lane's batches but the latest.</summary>
    static abstract void WaitAllButOne();

    /// <summary>Waits for all of this lane's batches but the latest two.</summary>
    static abstract void WaitAllButTwo();
}
