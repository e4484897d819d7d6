using System.Runtime.CompilerServices;
using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<int>, ArrayView<float>, int, int, int, float>? _rotate;

    /// <summary>
    /// Rotates q and k of every row by its position, in place (rotary position embedding, Su et al. 2021,
    /// arXiv
    /// 2104.09864); v stays. The first m numbers of a head turn in the pairs (i, i + m/2), where m is the
    /// table's width.
    /// </summary>
    /// <param name="qkv">[rows, 3C]</param>
    /// <param name="positions">[rows], below P; negative: the row is finished and stays.</param>
    /// <param name="table">[P, m]: of each position m/2 cosines, then m/2 sines.</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void Rotary(Tensor qkv, IndexTensor positions, Tensor table, int H)
        => Rotate(qkv, positions, table, H, 1f);

    /// <summary>
    /// The gradient through <see cref="Rotary"/>, in place: the rotation by minus the position.
    /// </summary>
    /// <param name="dQkv">[rows, 3C]</param>
    /// <param name="positions">[rows], below P; negative: the row stays.</param>
    /// <param name="table">[P, m]</param>
    /// <param name="H">Heads.</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void RotaryBackward(Tensor dQkv, IndexTensor positions, Tensor table, int H)
        => Rotate(dQkv, positions, table, H, -1f);

    void Rotate(Tensor qkv, IndexTensor positions, Tensor table, int H, float sign,
        [CallerMemberName] string op = "")
    {
        int D = HeadSize(qkv, qkv.Rows, 1, H, op), m = table.Columns;
        Require(positions.Length == qkv.Rows, $"{positions} must hold one position for each row of {qkv}.",
            op);
        Require(m % 2 == 0 && m <= D, $"{table} must be of even width, and no wider than a head of {D}.", op);
        if (!CountOp(qkv.Length))
            return;
        if (Host)
            RotaryHost.Rotate(qkv.Pointer, positions.Pointer, table.Pointer, qkv.Rows, table.Rows, H, D, m,
                sign);
        else
            (_rotate ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<int>, ArrayView<float>,
                int, int, int, float>(RotaryKernels.Rotate))(Elements((long)qkv.Rows * H * m),
                qkv.View, positions.View, table.View, H, D, m, sign);
    }
}
