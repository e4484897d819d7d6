using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>Measures the rows of a batch.</summary>
static class RowMetrics
{
    /// <summary>
    /// [rows]: the metric of each row of logits. Rows are independent, so threads change no bit.
    /// </summary>
    /// <param name="metric">The metric.</param>
    /// <param name="logits">[rows, V].</param>
    /// <param name="rows">Number of rows.</param>
    /// <exception cref="UserException">A logit is not finite.</exception>
    internal static double[] ValuesOfRows(this AnswerMetric metric, float[] logits, int rows)
    {
        double[] values = new double[rows];
        int V = logits.Length / rows;
        try
        {
            Parallel.For(0, rows, new ParallelOptions
            {
                MaxDegreeOfParallelism = ComputeDevice.HostThreadCount,
            }, b => values[b] = metric.Value(logits.AsSpan(b * V, V)));
        }
        catch (AggregateException e) when (e.InnerException is UserException told)
        {
            throw new UserException(told.Message, e);
        }
        return values;
    }
}
