using System.Numerics;

namespace HeadTap.Reference;

/// <summary>Supermasks (Ramanujan et al. 2020) by sorting everything.</summary>
public static class SupermaskReference
{
    /// <summary>0 for the lowest magnitudes, by index among equal ones, NaN last; else 1.</summary>
    public static float[] Mask(float[] scores, long count)
    {
        float[] mask = [.. scores.Select(_ => 1f)];
        foreach (int i in Enumerable.Range(0, scores.Length)
            .OrderBy(i => float.IsNaN(scores[i]))
            .ThenBy(i => float.IsNaN(scores[i]) ? 0 : MathF.Abs(scores[i]))
            .ThenBy(i => i).Take((int)count))
            mask[i] = 0f;
        return mask;
    }

    /// <summary>dL/d(W mask) W sign(s).</summary>
    public static T[] Gradient<T>(T[] dWeight, T[] weight, T[] scores)
        where T : IFloatingPointIeee754<T> =>
        [.. scores.Select((s, i) => dWeight[i] * weight[i]
            * (s > T.Zero ? T.One : s < T.Zero ? -T.One : T.Zero))];
}
