// Arithmetic on whole tensors, element by element.
//
//     Add   y = a + b        Multiply   y = a * b        MaskedCopy   y = x where mask != 0
//     Axpy  y += alpha x     Scale      x *= factor      Fill         x = value
//
//   all tensors of one op have the same length; an output may be an input
//
// Any grid of groups of ElementLoop.BlockSize threads; ElementLoop covers the rest.
//
// Host body: ElementwiseHost.cs.   Oracle: tests/Reference/ElementwiseReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Element by element: add, multiply, axpy, scale, fill, masked copy.</summary>
public static class ElementwiseKernels
{
    /// <summary>Writes y = a + b.</summary>
    public static void Add(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] = a[i] + b[i];
    }

    /// <summary>Writes y = a * b.</summary>
    public static void Multiply(ArrayView<float> a, ArrayView<float> b, ArrayView<float> y)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] = a[i] * b[i];
    }

    /// <summary>Adds alpha * x into y.</summary>
    public static void Axpy(ArrayView<float> x, ArrayView<float> y, float alpha)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] += alpha * x[i];
    }

    /// <summary>Multiplies x by factor, in place.</summary>
    public static void Scale(ArrayView<float> x, float factor)
    {
        for (long i = ElementLoop.First; i < x.Length; i += ElementLoop.Step)
            x[i] *= factor;
    }

    /// <summary>Writes value everywhere.</summary>
    public static void Fill(ArrayView<float> x, float value)
    {
        for (long i = ElementLoop.First; i < x.Length; i += ElementLoop.Step)
            x[i] = value;
    }

    /// <summary>Writes source where mask != 0 and leaves the rest of destination alone.</summary>
    public static void MaskedCopy(ArrayView<float> source, ArrayView<float> mask,
        ArrayView<float> destination)
    {
        for (long i = ElementLoop.First; i < destination.Length; i += ElementLoop.Step)
            if (mask[i] != 0f)
                destination[i] = source[i];
    }
}
