using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>
/// A loaded matrix product: operands, outputs, sizes, epilogue, which operands are aligned.
/// </summary>
delegate void ProductLauncher(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> x, ArrayView<float> weight,
    ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, MatMulShape shape,
    MatMulEpilogue epilogue, int xWide, int weightWide);

/// <summary>The kernels of the matrix product.</summary>
enum MatMulVariant
{
    /// <summary>float32, 64 x 64 a group: shapes that would not fill the device otherwise.</summary>
    Small,

    /// <summary>float32, 128 x 128 a group; the bits of <see cref="Small"/>.</summary>
    Large,

    /// <summary>The same tiles and bits with asynchronous copies: CUDA from sm_80 on.</summary>
    Pipelined,

    /// <summary>Tensor cores, TF32.</summary>
    Tf32,

    /// <summary>Tensor cores, BF16.</summary>
    Bf16,
}

public sealed unsafe partial class Ops
{
    readonly Dictionary<(MatMulVariant, bool, bool), ProductLauncher> _products = [];

    /// <summary>Tests set it to run one kernel on every shape; null leaves the choice to the shape.</summary>
    internal MatMulVariant? ForcedMatMul { get; set; }

    /// <summary>The kernel that a product of this size runs on an ILGPU device.</summary>
    /// <remarks>
    /// 128 x 128 tiles reuse each load twice as often, but a product of fewer tiles than the device has
    /// multiprocessors leaves some idle: it is cut finer. In reduced precision one kernel runs every shape,
    /// so that a row alone has the bits it has in a batch.
    /// </remarks>
    internal MatMulVariant VariantOf(int M, int N) => ForcedMatMul ?? Device.Precision switch
    {
        Precision.Tf32 => MatMulVariant.Tf32,
        Precision.Bf16 => MatMulVariant.Bf16,
        _ => M > MatMulKernels.Tile && N > MatMulKernels.Tile
            && MatMulLargeKernels.Groups(M, N) >= Gpu.NumMultiprocessors
            ? HasAsyncCopies ? MatMulVariant.Pipelined : MatMulVariant.Large
            : MatMulVariant.Small,
    };

    // cp.async came with the tensor cores that take TF32.
    bool HasAsyncCopies => Precisions.HasTensorCores((Gpu as CudaAccelerator)?.Architecture);

    void Launch(
        Tensor x, Tensor weight, Tensor? bias, Tensor? residual, Tensor y, in MatMulShape s, int activation)
    {
        // Neighbours in memory are neighbours in shared memory. With no stride of 1 either way is right, one
        // by one.
        bool xLines = s.XColumn != 1 && s.XRow == 1, weightLines = s.WRow != 1 && s.WColumn == 1;
        MatMulVariant variant = VariantOf(s.M, s.N);
        (int groups, int block) = variant switch
        {
            MatMulVariant.Small => (MatMulKernels.Groups(s.M, s.N), MatMulKernels.BlockSize),
            MatMulVariant.Large or MatMulVariant.Pipelined =>
                (MatMulLargeKernels.Groups(s.M, s.N), MatMulLargeKernels.BlockSize),
            _ => (MatMulTensorKernels.Groups(s.M, s.N), MatMulTensorKernels.BlockSize),
        };
        var epilogue = new MatMulEpilogue(bias is null ? 0 : 1, activation, residual is null ? 0 : 1);
        LauncherOf(variant, xLines, weightLines)(Gpu.DefaultStream, (groups, block),
            x.View, weight.View, (bias ?? y).View, (residual ?? y).View, y.View, s, epilogue,
            Wide(x, xLines ? s.XRow : s.XColumn, xLines ? s.XColumn : s.XRow),
            Wide(weight, weightLines ? s.WColumn : s.WRow, weightLines ? s.WRow : s.WColumn));
    }

    // Loads of 16 bytes: four neighbours in memory, every fourth of them and every line aligned. In OpenCL C
    // a structure of four floats needs the alignment of one, and a buffer's address is not known here.
    int Wide(Tensor operand, long step, long stride)
        => step == 1 && (Gpu is CLAccelerator
            || (stride % 4 == 0 && operand.View.LoadEffectiveAddressAsPtr() % 16 == 0)) ? 1 : 0;

    ProductLauncher LauncherOf(MatMulVariant variant, bool xLines, bool weightLines)
    {
        if (variant is MatMulVariant.Small or MatMulVariant.Large)
            (xLines, weightLines) = (false, false); // these take every stride
        if (_products.TryGetValue((variant, xLines, weightLines), out ProductLauncher? launcher))
            return launcher;
        launcher = (xLines, weightLines) switch
        {
            (false, false) => Load<TermsTogether, TermsTogether>(variant),
            (false, true) => Load<TermsTogether, LinesTogether>(variant),
            (true, false) => Load<LinesTogether, TermsTogether>(variant),
            (true, true) => Load<LinesTogether, LinesTogether>(variant),
        };
        return _products[(variant, xLines, weightLines)] = launcher;
    }

    ProductLauncher Load<TX, TWeight>(MatMulVariant variant)
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        var cuda = Gpu as CudaAccelerator;
        Action<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
            MatMulShape, MatMulEpilogue, int, int> kernel = (variant, cuda is not null) switch
            {
                (MatMulVariant.Small, _) => MatMulKernels.Product,
                (MatMulVariant.Large, _) => MatMulLargeKernels.Product,
                (MatMulVariant.Pipelined, true) =>
                    MatMulPipelinedKernels.Product<PtxTensorCores, TX, TWeight>,
                (MatMulVariant.Pipelined, false) =>
                    MatMulPipelinedKernels.Product<ShuffleTensorCores, TX, TWeight>,
                (MatMulVariant.Tf32, true) => MatMulTensorKernels.Tf32<PtxTensorCores, TX, TWeight>,
                (MatMulVariant.Tf32, false) => MatMulTensorKernels.Tf32<ShuffleTensorCores, TX, TWeight>,
                (_, true) => MatMulTensorKernels.Bf16<PtxTensorCores, TX, TWeight>,
                (_, false) => MatMulTensorKernels.Bf16<ShuffleTensorCores, TX, TWeight>,
            };
        return cuda is not null && variant is not (MatMulVariant.Small or MatMulVariant.Large)
            ? InlinePtxKernel.Load<ProductLauncher>(cuda, kernel.Method)
            : Gpu.LoadKernel(kernel.Method).CreateLauncherDelegate<ProductLauncher>();
    }
}
