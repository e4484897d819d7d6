// A point of a line or a plane through given vectors.
//
//     Two     y = a x1 + b x2
//     Three   y = a x1 + b x2 + c x3
//
//   all tensors have the same length; y may be one of the others
//
// Any grid of groups of ElementLoop.BlockSize threads; ElementLoop covers the rest.
//
// Host body: LinearCombinationHost.cs.   Oracle: tests/Reference/LinearCombinationReference.cs.

using ILGPU;

namespace HeadTap.Kernels;

/// <summary>Sums of two or three vectors times factors.</summary>
public static class LinearCombinationKernels
{
    /// <summary>Writes y = a x1 + b x2.</summary>
    public static void Two(ArrayView<float> x1, ArrayView<float> x2, ArrayView<float> y, float a, float b)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] = a * x1[i] + b * x2[i];
    }

    /// <summary>Writes y = a x1 + b x2 + c x3.</summary>
    public static void Three(ArrayView<float> x1, ArrayView<float> x2, ArrayView<float> x3,
        ArrayView<float> y, float a, float b, float c)
    {
        for (long i = ElementLoop.First; i < y.Length; i += ElementLoop.Step)
            y[i] = a * x1[i] + b * x2[i] + c * x3[i];
    }
}
