using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace HeadTap.Runtime;

/// <summary>A loaded matrix product that takes any alignment: operands, outputs, sizes, epilogue.</summary>
delegate void PlainProductLauncher(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> x, ArrayView<float> weight,
    ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, MatMulShape shape,
    MatMulEpilogue epilogue);

/// <summary>
/// A loaded matrix product: operands, outputs, sizes, epilogue, which operands are aligned.
/// </summary>
delegate void ProductLauncher(
    AcceleratorStream stream, KernelConfig grid, ArrayView<float> x, ArrayView<float> weight,
    ArrayView<float> bias, ArrayView<float> residual, ArrayView<float> y, MatMulShape shape,
    MatMulEpilogue epilogue, int xWide, int weightWide);

public sealed unsafe partial class Ops
{
    readonly ProductKernels<ProductLauncher> _products = new();

    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
        MatMulShape, MatMulEpilogue, int>? _combineParts;

    /// <summary>The kernel that every product runs, for tests; null leaves the choice to the plan.</summary>
    internal MatMulVariant? ForcedMatMul { get; set; }

    /// <summary>
    /// Parts that every product's terms are cut into, for tests; null leaves the choice to the plan.
    /// </summary>
    internal int? ForcedParts { get; set; }

    ProductPlan PlanOf(in MatMulShape s)
    {
        var plan = ProductPlan.Of(s, Device.Precision, Gpu.NumMultiprocessors,
            Precisions.HasAsyncCopies((Gpu as CudaAccelerator)?.Architecture));
        return new(ForcedMatMul ?? plan.Variant, ForcedParts ?? plan.Parts);
    }

    void Launch(
        Tensor x, Tensor weight, Tensor? bias, Tensor? residual, Tensor y, in MatMulShape s, int activation)
    {
        ProductPlan plan = PlanOf(s);
        var epilogue = new MatMulEpilogue(bias is null ? 0 : 1, activation, residual is null ? 0 : 1);
        ArrayView<float> biasView = (bias ?? y).View, residualView = (residual ?? y).View;
        if (plan.PartTerms(s.K) is not (> 0 and var terms) || terms >= s.K)
        {
            Launch(plan.Variant, 1, x, weight, biasView, residualView, y.View, s, epilogue);
            return;
        }
        int parts = (s.K + terms - 1) / terms;
        ArrayView<float> sums = Device.PartialSums.SubView(0, (long)parts * s.M * s.N);
        Launch(plan.Variant, parts, x, weight, biasView, residualView, sums,
            s with { YRow = s.N, Accumulate = 0, PartTerms = terms }, default);
        (_combineParts ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>,
            ArrayView<float>, MatMulShape, MatMulEpilogue, int>(MatMulPartsKernels.Combine))(
            Elements((long)s.M * s.N), sums, biasView, residualView, y.View, s, epilogue, parts);
    }

    void Launch(
        MatMulVariant variant, int parts, Tensor x, Tensor weight, ArrayView<float> bias,
        ArrayView<float> residual, ArrayView<float> y, in MatMulShape s, in MatMulEpilogue epilogue)
    {
        (int groups, int block) = variant switch
        {
            MatMulVariant.Small => (MatMulKernels.Groups(s.M, s.N), MatMulKernels.BlockSize),
            MatMulVariant.Large or MatMulVariant.Pipelined =>
                (MatMulLargeKernels.Groups(s.M, s.N), MatMulLargeKernels.BlockSize),
            _ => (MatMulTensorKernels.Groups(s.M, s.N, IsSmall(variant)
                ? MatMulTensorKernels.SmallTile : MatMulTensorKernels.Tile), MatMulTensorKernels.BlockSize),
        };
        _products.Of(variant, s, new MatMulLoader(Gpu))(
            Gpu.DefaultStream, new KernelConfig(new Index2D(groups, parts), new Index2D(block, 1)),
            x.View, weight.View, bias, residual, y, s, epilogue,
            Wide(x, s.XColumn, s.XRow), Wide(weight, s.WRow, s.WColumn));
    }

    static bool IsSmall(MatMulVariant variant)
        => variant is MatMulVariant.Small or MatMulVariant.Tf32Small or MatMulVariant.Bf16Small;

    // Loads of 16 bytes: four neighbours in memory, every fourth of them and every line aligned. In OpenCL C
    // a structure of four floats needs the alignment of one, and a buffer's address is not known here.
    int Wide(Tensor operand, long termStride, long lineStride)
    {
        (long step, long stride) = MatMulShape.KStrided(termStride, lineStride)
            ? (lineStride, termStride) : (termStride, lineStride);
        return step == 1 && (Gpu is CLAccelerator
            || (stride % 4 == 0 && operand.View.LoadEffectiveAddressAsPtr() % 16 == 0)) ? 1 : 0;
    }

    readonly struct MatMulLoader(Accelerator gpu) : IProductLoader<ProductLauncher>
    {
        public ProductLauncher Load<TX, TWeight>(MatMulVariant variant)
            where TX : struct, IOperandLayout
            where TWeight : struct, IOperandLayout
        {
            if (variant == MatMulVariant.Small)
            {
                var plain = gpu.LoadKernel(((Action<ArrayView<float>, ArrayView<float>, ArrayView<float>,
                    ArrayView<float>, ArrayView<float>, MatMulShape, MatMulEpilogue>)
                    MatMulKernels.Product).Method).CreateLauncherDelegate<PlainProductLauncher>();
                return (stream, grid, x, weight, bias, residual, y, shape, epilogue, _, _)
                    => plain(stream, grid, x, weight, bias, residual, y, shape, epilogue);
            }
            bool cuda = gpu is CudaAccelerator;
            Action<ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>, ArrayView<float>,
                MatMulShape, MatMulEpilogue, int, int> kernel = (variant, cuda) switch
                {
                    (MatMulVariant.Large, _) => MatMulLargeKernels.Product,
                    (MatMulVariant.Pipelined, true) =>
                        MatMulPipelinedKernels.Product<PtxTensorCores, TX, TWeight>,
                    (MatMulVariant.Pipelined, false) =>
                        MatMulPipelinedKernels.Product<SimulatorTensorCores, TX, TWeight>,
                    (MatMulVariant.Tf32, true) => MatMulTensorKernels.Tf32<PtxTensorCores, TX, TWeight>,
                    (MatMulVariant.Tf32, false) =>
                        MatMulTensorKernels.Tf32<SimulatorTensorCores, TX, TWeight>,
                    (MatMulVariant.Tf32Small, true) =>
                        MatMulTensorKernels.Tf32Small<PtxTensorCores, TX, TWeight>,
                    (MatMulVariant.Tf32Small, false) =>
                        MatMulTensorKernels.Tf32Small<SimulatorTensorCores, TX, TWeight>,
                    (MatMulVariant.Bf16, true) => MatMulTensorKernels.Bf16<PtxTensorCores, TX, TWeight>,
                    (MatMulVariant.Bf16, false) =>
                        MatMulTensorKernels.Bf16<SimulatorTensorCores, TX, TWeight>,
                    (_, true) => MatMulTensorKernels.Bf16Small<PtxTensorCores, TX, TWeight>,
                    (_, false) => MatMulTensorKernels.Bf16Small<SimulatorTensorCores, TX, TWeight>,
                };
            return variant == MatMulVariant.Large
                ? gpu.LoadKernel(kernel.Method).CreateLauncherDelegate<ProductLauncher>()
                : InlinePtxKernel.Load<ProductLauncher>(gpu, kernel.Method);
        }
    }
}
