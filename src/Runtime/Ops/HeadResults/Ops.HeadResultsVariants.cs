using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>Loaded products of all heads that take any alignment.</summary>
delegate void PlainHeadProductLauncher(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> x, ArrayView<float> weight,
    ArrayView<float> y, MatMulShape shape, HeadSteps steps);

/// <summary>Loaded products of all heads: operands, result, sizes of one head, steps, alignment.</summary>
delegate void HeadProductLauncher(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> x, ArrayView<float> weight,
    ArrayView<float> y, MatMulShape shape, HeadSteps steps, int xWide, int weightWide);

public sealed unsafe partial class Ops
{
    readonly ProductKernels<HeadProductLauncher> _headProducts = new();

    /// <summary>
    /// Writes one product of each head, or adds it into y: on ILGPU devices in one launch, to the same bits
    /// as <see cref="Product(Tensor, Tensor, Tensor, Tensor, in MatMulShape)"/> of each head whose terms are
    /// not cut.
    /// </summary>
    /// <param name="x">The left operand, from head 0's first element on.</param>
    /// <param name="weight">The right operand.</param>
    /// <param name="y">The result.</param>
    /// <param name="s">Sizes and strides of one head's product.</param>
    /// <param name="steps">Floats from head to head in each operand.</param>
    /// <param name="H">Heads.</param>
    void HeadProducts(Tensor x, Tensor weight, Tensor y, in MatMulShape s, in HeadSteps steps, int H)
    {
        CountOp();
        if (s.M == 0 || s.N == 0)
            return;
        if (Host)
        {
            HeadResultsHost.Product(x.Pointer, weight.Pointer, y.Pointer, s, steps, H);
            return;
        }
        MatMulVariant variant = HeadVariant(s, H);
        (int tile, int block) = variant switch
        {
            MatMulVariant.Small => (MatMulKernels.Tile, MatMulKernels.BlockSize),
            MatMulVariant.Large => (MatMulLargeKernels.Tile, MatMulLargeKernels.BlockSize),
            _ => (MatMulTensorKernels.Tile, MatMulTensorKernels.BlockSize),
        };
        var grid = new Index3D(Tiles(s, tile), 1, H);
        _headProducts.Of(variant, s, new HeadResultsLoader(Gpu))(
            Gpu.DefaultStream, new KernelConfig(grid, new Index3D(block, 1, 1)),
            x.View, weight.View, y.View, s, steps,
            steps.X % 4 != 0 ? 0 : Wide(x, s.XColumn, s.XRow),
            steps.Weight % 4 != 0 ? 0 : Wide(weight, s.WRow, s.WColumn));
    }

    // As ProductPlan chooses, all heads counted together; their terms are not cut, for they fill the device.
    MatMulVariant HeadVariant(in MatMulShape s, int H) => ForcedMatMul ?? Device.Precision switch
    {
        Precision.Tf32 => MatMulVariant.Tf32,
        Precision.Bf16 => MatMulVariant.Bf16,
        _ => s.M > MatMulKernels.Tile && s.N > MatMulKernels.Tile
            && (long)H * Tiles(s, MatMulLargeKernels.Tile) >= Gpu.NumMultiprocessors
            ? MatMulVariant.Large : MatMulVariant.Small,
    };

    static int Tiles(in MatMulShape s, int tile)
        => checked(((s.M + tile - 1) / tile) * ((s.N + tile - 1) / tile));

    /// <summary>
    /// The rest of a tensor from an offset on: an operand whose row stride is longer than its rows.
    /// </summary>
    static Tensor From(Tensor tensor, long offset)
    {
        long at = Math.Min(offset, tensor.Length); // nothing is left of a tensor without rows
        return tensor.Slice(tensor.Name, at, checked((int)(tensor.Length - at)));
    }

    readonly struct HeadResultsLoader(Accelerator gpu) : IProductLoader<HeadProductLauncher>
    {
        public HeadProductLauncher Load<TX, TWeight>(MatMulVariant variant)
            where TX : struct, IOperandLayout
            where TWeight : struct, IOperandLayout
        {
            if (variant == MatMulVariant.Small)
            {
                var plain = gpu.LoadKernel(((Action<ArrayView<float>, ArrayView<float>, ArrayView<float>,
                    MatMulShape, HeadSteps>)HeadResultsKernels.Product).Method)
                    .CreateLauncherDelegate<PlainHeadProductLauncher>();
                return (stream, grid, x, weight, y, shape, steps, _, _)
                    => plain(stream, grid, x, weight, y, shape, steps);
            }
            Action<ArrayView<float>, ArrayView<float>, ArrayView<float>, MatMulShape, HeadSteps,
                int, int> kernel = (variant, gpu is CudaAccelerator) switch
                {
                    (MatMulVariant.Large, _) => HeadResultsKernels.ProductLarge,
                    (MatMulVariant.Tf32, true) => HeadResultsKernels.ProductTf32<PtxTensorCores, TX, TWeight>,
                    (MatMulVariant.Tf32, false) =>
                        HeadResultsKernels.ProductTf32<SimulatorTensorCores, TX, TWeight>,
                    (_, true) => HeadResultsKernels.ProductBf16<PtxTensorCores, TX, TWeight>,
                    (_, false) => HeadResultsKernels.ProductBf16<SimulatorTensorCores, TX, TWeight>,
                };
            return variant == MatMulVariant.Large
                ? gpu.LoadKernel(kernel.Method).CreateLauncherDelegate<HeadProductLauncher>()
                : InlinePtxKernel.Load<HeadProductLauncher>(gpu, kernel.Method);
        }
    }
}
