using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;

namespace HeadTap.Runtime;

/// <summary>Products of all heads, loaded: operands, result, sizes of one head, steps, alignment.</summary>
delegate void HeadProductLauncher(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> x, ArrayView<float> weight,
    ArrayView<float> y, MatMulShape shape, HeadSteps steps, int xWide, int weightWide);

public sealed unsafe partial class Ops
{
    readonly Dictionary<(MatMulVariant, bool, bool), HeadProductLauncher> _headProducts = [];

    /// <summary>
    /// One product a head: on the host in turns, on ILGPU devices in one launch, to the same bits as
    /// <see cref="Product"/> of each head whose terms are not cut.
    /// </summary>
    /// <param name="x">The left operand of head 0, and of the others by steps.</param>
    /// <param name="weight">The right operand.</param>
    /// <param name="y">The result.</param>
    /// <param name="s">Sizes and strides of one head's product.</param>
    /// <param name="steps">From head to head.</param>
    /// <param name="H">Heads.</param>
    internal void HeadProducts(
        Tensor x, Tensor weight, Tensor y, in MatMulShape s, in HeadSteps steps, int H)
    {
        if (Host)
        {
            for (int h = 0; h < H; h++)
                Product(From(x, h * steps.X), From(weight, h * steps.Weight), null, From(y, h * steps.Y), s);
            return;
        }
        Begin();
        if (s.M == 0)
            return;
        bool xLines = s.XColumn != 1 && s.XRow == 1, weightLines = s.WRow != 1 && s.WColumn == 1;
        MatMulVariant variant = HeadVariant(s, H);
        (int tile, int block) = variant switch
        {
            MatMulVariant.Small => (MatMulKernels.Tile, MatMulKernels.BlockSize),
            MatMulVariant.Large => (MatMulLargeKernels.Tile, MatMulLargeKernels.BlockSize),
            _ => (MatMulTensorKernels.Tile, MatMulTensorKernels.BlockSize),
        };
        var grid = new Index3D(Tiles(s, tile), 1, H);
        HeadProduct(variant, xLines, weightLines)(
            Gpu.DefaultStream, new KernelConfig(grid, new Index3D(block, 1, 1)),
            x.View, weight.View, y.View, s, steps,
            steps.X % 4 != 0 ? 0 : Wide(x, xLines ? s.XRow : s.XColumn, xLines ? s.XColumn : s.XRow),
            steps.Weight % 4 != 0 ? 0
                : Wide(weight, weightLines ? s.WColumn : s.WRow, weightLines ? s.WRow : s.WColumn));
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

    HeadProductLauncher HeadProduct(MatMulVariant variant, bool xLines, bool weightLines)
    {
        if (variant is MatMulVariant.Small or MatMulVariant.Large)
            (xLines, weightLines) = (false, false); // these take every stride
        if (_headProducts.TryGetValue((variant, xLines, weightLines), out HeadProductLauncher? launcher))
            return launcher;
        launcher = (xLines, weightLines) switch
        {
            (false, false) => LoadHeads<KContiguous, KContiguous>(variant),
            (false, true) => LoadHeads<KContiguous, KStrided>(variant),
            (true, false) => LoadHeads<KStrided, KContiguous>(variant),
            (true, true) => LoadHeads<KStrided, KStrided>(variant),
        };
        return _headProducts[(variant, xLines, weightLines)] = launcher;
    }

    HeadProductLauncher LoadHeads<TX, TWeight>(MatMulVariant variant)
        where TX : struct, IOperandLayout
        where TWeight : struct, IOperandLayout
    {
        Action<ArrayView<float>, ArrayView<float>, ArrayView<float>, MatMulShape, HeadSteps,
            int, int> kernel = (variant, Gpu is CudaAccelerator) switch
            {
                (MatMulVariant.Small, _) => HeadResultsKernels.Product,
                (MatMulVariant.Large, _) => HeadResultsKernels.ProductLarge,
                (MatMulVariant.Tf32, true) => HeadResultsKernels.ProductTf32<PtxTensorCores, TX, TWeight>,
                (MatMulVariant.Tf32, false) =>
                    HeadResultsKernels.ProductTf32<ShuffleTensorCores, TX, TWeight>,
                (_, true) => HeadResultsKernels.ProductBf16<PtxTensorCores, TX, TWeight>,
                (_, false) => HeadResultsKernels.ProductBf16<ShuffleTensorCores, TX, TWeight>,
            };
        return variant is MatMulVariant.Small or MatMulVariant.Large
            ? Gpu.LoadKernel(kernel.Method).CreateLauncherDelegate<HeadProductLauncher>()
            : LoadTensor<HeadProductLauncher>(kernel);
    }

    static int Tiles(in MatMulShape s, int tile)
        => checked(((s.M + tile - 1) / tile) * ((s.N + tile - 1) / tile));

    /// <summary>What follows an offset, for operands that are a part with a longer row stride.</summary>
    static Tensor From(Tensor tensor, long offset)
    {
        long at = Math.Min(offset, tensor.Length); // nothing is left of a tensor without rows
        return tensor.Slice(tensor.Name, at, checked((int)(tensor.Length - at)));
    }
}
