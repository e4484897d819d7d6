using HeadTap.Kernels;
using ILGPU;
using ILGPU.Runtime;

namespace HeadTap.Runtime;

public sealed unsafe partial class Ops
{
    Action<KernelConfig, ArrayView<float>, ArrayView<float>>? _sum, _squares, _firstBad;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, ArrayView<float>>? _dot;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int>? _rowSums;
    Action<KernelConfig, ArrayView<float>, ArrayView<float>, int, int>? _columnSums;

    /// <summary>Sum of all elements, in a fixed order; waits for the device.</summary>
    public double Sum(Tensor x)
    {
        CountOp();
        if (Host)
            return ReductionHost.Sum(x.Pointer, x.Length);
        _sum ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(ReductionKernels.Sum);
        return Partial(x, 1, partial => _sum(Cuts(x), x.View, partial.View)).Sum(v => (double)v);
    }

    /// <summary>Sum of a * b, in a fixed order; waits for the device.</summary>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public double Dot(Tensor a, Tensor b)
    {
        Require(a.Length == b.Length, $"{a} and {b} must have the same length.");
        CountOp();
        if (Host)
            return ReductionHost.Dot(a.Pointer, b.Pointer, a.Length);
        _dot ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, ArrayView<float>>(
            ReductionKernels.Dot);
        return Partial(a, 1, partial => _dot(Cuts(a), a.View, b.View, partial.View)).Sum(v => (double)v);
    }

    /// <summary>Euclidean norm of all elements; waits for the device.</summary>
    /// <remarks>In range for every float32: squares are scaled. NaN if an element is.</remarks>
    public double Norm(Tensor x)
    {
        CountOp();
        if (Host)
            return Math.Sqrt(ReductionHost.Squares(x.Pointer, x.Length));
        _squares ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(ReductionKernels.Squares);
        float[] partial = Partial(x, 2, partial => _squares(Cuts(x), x.View, partial.View));
        double squares = 0;
        for (int i = 0; i < partial.Length; i += 2)
            squares += partial[i] / ((double)partial[i + 1] * partial[i + 1]);
        return Math.Sqrt(squares);
    }

    /// <summary>
    /// What to multiply gradients by so that their norm is at most <paramref name="maxNorm"/>:
    /// <c>min(1, maxNorm / (norm + 1e-6))</c>, as torch.nn.utils.clip_grad_norm_. NaN if the norm is NaN.
    /// </summary>
    public float ClipFactor(Tensor gradients, float maxNorm, out double norm)
    {
        norm = Norm(gradients);
        return (float)Math.Min(1.0, maxNorm / (norm + 1e-6)); // Math.Min passes NaN on
    }

    /// <summary>Adds into sums the sum of each column.</summary>
    /// <param name="x">[rows, C]</param>
    /// <param name="sums">[C]</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void ColumnSums(Tensor x, Tensor sums)
    {
        Require(sums.Length == x.Columns, $"{sums} must match the last axis of {x}.");
        CountOp();
        if (Host)
            ReductionHost.ColumnSums(x.Pointer, sums.Pointer, x.Rows, x.Columns);
        else if (x.Length > 0)
            (_columnSums ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>,
                int, int>(ReductionKernels.ColumnSums))(
                Columns(x.Columns), x.View, sums.View, x.Rows, x.Columns);
    }

    /// <summary>Writes the sum of each row.</summary>
    /// <param name="x">[rows, C]</param>
    /// <param name="sums">[rows]</param>
    /// <exception cref="ArgumentException">A shape does not fit.</exception>
    public void RowSums(Tensor x, Tensor sums)
    {
        Require(sums.Length == x.Rows, $"{sums} needs {x.Rows} rows.");
        CountOp();
        if (Host)
            ReductionHost.RowSums(x.Pointer, sums.Pointer, x.Rows, x.Columns);
        else if (x.Length > 0)
            (_rowSums ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>, int>(
                ReductionKernels.RowSums))(
                (x.Rows, ReductionKernels.BlockSize), x.View, sums.View, x.Columns);
    }

    /// <summary>The first element that is NaN or infinite, -1 for none; waits for the device.</summary>
    public long FirstNonfinite(Tensor x)
    {
        CountOp();
        return Host ? ReductionHost.FirstBad(x.Pointer, x.Length) : FirstBad(x);
    }

    long FirstBad(Tensor x)
    {
        _firstBad ??= Gpu.LoadStreamKernel<ArrayView<float>, ArrayView<float>>(ReductionKernels.FirstBad);
        float[] partial = Partial(x, 1, partial => _firstBad(Cuts(x), x.View, partial.View));
        int cut = Array.FindIndex(partial, first => first < ReductionKernels.CutLength);
        return cut < 0 ? -1 : (long)cut * ReductionKernels.CutLength + (long)partial[cut];
    }

    /// <summary>The <paramref name="floatsPerCut"/> numbers that a kernel writes for each cut of x.</summary>
    float[] Partial(Tensor x, int floatsPerCut, Action<Tensor> launch)
    {
        if (x.Length == 0)
            return [];
        int length = Cuts(x).GridDim.X * floatsPerCut;
        using var scratch = new TensorArena(Device, length, "partial sums");
        Tensor partial = scratch.Cut("partial sums", length);
        launch(partial);
        return partial.ToArray();
    }

    static KernelConfig Cuts(Tensor x) => (
        checked((int)((x.Length + ReductionKernels.CutLength - 1) / ReductionKernels.CutLength)),
        ReductionKernels.BlockSize);
}
