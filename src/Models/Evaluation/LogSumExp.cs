namespace HeadTap.Models;

/// <summary>The logarithm of a softmax's denominator, on the host.</summary>
public static class LogSumExp
{
    /// <summary><c>ln sum_v exp(logits[v])</c>, in float64; NaN where a logit is.</summary>
    /// <param name="logits">[V], at least one of them finite.</param>
    public static double Of(ReadOnlySpan<float> logits)
    {
        double max = double.NegativeInfinity, sum = 0;
        foreach (float logit in logits)
            max = Math.Max(max, logit);
        foreach (float logit in logits)
            sum += Math.Exp(logit - max);
        return max + Math.Log(sum);
    }
}
