using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>
/// A loaded product on tensor cores: operands, outputs, sizes, epilogue, which operands are aligned.
/// </summary>
delegate void TensorProduct(
    AcceleratorStream stream, KernelConfig grid,
    ArrayView<float> x, ArrayView<float> weight, ArrayView<float> bias,
    ArrayView<float> residual, ArrayView<float> y, MatMulShape shape, MatMulEpilogue epilogue, int xWide,
    int weightWide);

public sealed unsafe partial class Ops
{
    readonly Dictionary<(Precision, bool, bool), TensorProduct> _tensorProducts = [];

    /// <summary>
    /// The product in the device's reduced precision; on the simulator shuffles imitate tensor cores.
    /// </summary>
    void ReducedProduct(Tensor x, Tensor weight, Tensor? bias, Tensor y, in MatMulShape s)
    {
        // Neighbours in memory are neighbours in shared memory. With no stride of 1 either way is right, one
        // by one.
        bool xLines = s.XColumn != 1 && s.XRow == 1, weightLines = s.WRow != 1 && s.WColumn == 1;
        TensorProduct product = TensorProductOf(Device.Precision, xLines, weightLines);
        product(Gpu.DefaultStream,
            (MatMulTensorKernels.Groups(s.M, s.N), MatMulTensorKernels.BlockSize),
            x.View, weight.View, (bias ?? y).View, y.View, y.View, s,
            new MatMulEpilogue(bias is null ? 0 : 1, 0, 0),
            Wide(x, xLines ? s.XRow : s.XColumn, xLines ? s.XColumn : s.XRow),
            Wide(weight, weightLines ? s.WColumn : s.WRow, weightLines ? s.WRow : s.WColumn));
    }

    // Copies of 16 bytes: four neighbours in memory, every fourth of them and every line aligned.
    static int Wide(Tensor operand, long step, long stride)
        => step == 1 && stride % 4 == 0 && operand.View.LoadEffectiveAddressAsPtr() % 16 == 0 ? 1 : 0;

    TensorProduct TensorProductOf(Precision precision, bool xLines, bool weightLines)
    {
        if (_tensorProducts.TryGetValue((precision, xLines, weightLines), out TensorProduct? product))
            return product;
        product = (xLines, weightLines) switch
        {
            (false, false) => Load<TermsTogether, TermsTogether>(precision),
            (false, true) => Load<TermsTogether, LinesTogether>(precision),
            (true, false) => Load<LinesTogether, TermsTogether>(precision),
            (true, true) => Load<LinesTogether, LinesTogether>(precision),
        };
        return _tensorProducts[(precision, xLines, weightLines)] = product;
    }

    TensorProduct Load<TX, TWeight>(Precision precision)
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        Action<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            MatMulShape, MatMulEpilogue, int, int> kernel = (Gpu is CudaAccelerator, precision) switch
            {
                (true, Precision.Tf32) => MatMulTensorKernels.Tf32<PtxTensorCores, TX, TWeight>,
                (true, _) => MatMulTensorKernels.Bf16<PtxTensorCores, TX, TWeight>,
                (false, Precision.Tf32) => MatMulTensorKernels.Tf32<ShuffleTensorCores, TX, TWeight>,
                (false, _) => MatMulTensorKernels.Bf16<ShuffleTensorCores, TX, TWeight>,
            };
        return Gpu is CudaAccelerator cuda
            ? InlinePtxKernel.Load<TensorProduct>(cuda, kernel.Method)
            : Gpu.LoadKernel(kernel.Method).CreateLauncherDelegate<TensorProduct>();
    }
}
