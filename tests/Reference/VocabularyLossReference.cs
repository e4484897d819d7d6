using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Losses of logits = x W + b with everything spelled out and held.</summary>
public static class VocabularyLossReference
{
    /// <summary>weight [K, V]; targets [rows]</summary>
    public static T[] CrossEntropy<T>(T[] x, T[] weight, T[] bias, int[] targets, int K)
        where T : IFloatingPointIeee754<T>
        => CrossEntropyReference.Forward(
            MatMulReference.MatMul(x, weight, bias, targets.Length, K, bias.Length), targets);

    /// <summary>Gradients of gradientScale times the sum of the losses.</summary>
    public static (T[] DX, T[] DWeight, T[] DBias) CrossEntropyBackward<T>(
        T[] x, T[] weight, T[] bias, int[] targets, int K, double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        T[] logits = MatMulReference.MatMul(x, weight, bias, targets.Length, K, bias.Length);
        return MatMulReference.Backward(x, weight,
            CrossEntropyReference.Backward(logits, targets, gradientScale),
            targets.Length, K, bias.Length);
    }

    /// <summary>target [rows, V] are logits.</summary>
    public static T[] KlDivergence<T>(T[] target, T[] x, T[] weight, T[] bias, int rows, int K)
        where T : IFloatingPointIeee754<T>
        => KlDivergenceReference.Forward(
            target, MatMulReference.MatMul(x, weight, bias, rows, K, bias.Length), rows);

    /// <summary>Gradients of gradientScale times the sum of the losses.</summary>
    public static (T[] DX, T[] DWeight, T[] DBias) KlDivergenceBackward<T>(
        T[] target, T[] x, T[] weight, T[] bias, int rows, int K, double gradientScale)
        where T : IFloatingPointIeee754<T>
    {
        T[] logits = MatMulReference.MatMul(x, weight, bias, rows, K, bias.Length);
        return MatMulReference.Backward(x, weight,
            KlDivergenceReference.Backward(target, logits, rows, gradientScale), rows, K, bias.Length);
    }
}
