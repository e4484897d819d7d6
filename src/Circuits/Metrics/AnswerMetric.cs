using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits;

/// <summary>A number that says how a model answers, from the logits after a prompt.</summary>
/// <param name="Kind">What is measured.</param>
/// <param name="Answer">Token id of the right answer.</param>
/// <param name="Wrong">Token id of the wrong answer; needed for the logit difference.</param>
public sealed record AnswerMetric(MetricKind Kind, int Answer, int? Wrong = null)
{
    /// <summary>[V]: logits of the clean run; needed for the divergence.</summary>
    public float[]? CleanLogits { get; init; }

    /// <summary>Whether it has a gradient.</summary>
    public bool HasGradient => Kind != MetricKind.Rank;

    /// <summary>Checks the tokens against a vocabulary.</summary>
    /// <exception cref="UserException">One is outside, or the kind lacks its second token.</exception>
    public void Validate(int vocabulary)
    {
        foreach (int token in Wrong is { } wrong ? [Answer, wrong] : (int[])[Answer])
            if (token < 0 || token >= vocabulary)
                throw new UserException(
                    $"token {token} of the metric is outside the vocabulary of {vocabulary}");
        if (Kind == MetricKind.LogitDifference && Wrong is null)
            throw new UserException("a logit difference needs two tokens; expected a wrong answer too");
        if (Kind == MetricKind.LogitDifference && Wrong == Answer)
            throw new UserException($"answer and wrong answer are both token {Answer}; their logit "
                + "difference is always 0");
    }

    /// <summary>Computes the metric, in float64.</summary>
    /// <param name="logits">[V]: logits of the next token.</param>
    /// <exception cref="UserException">A logit is not finite: the edit overflowed float32.</exception>
    public double Value(ReadOnlySpan<float> logits)
    {
        foreach (float logit in logits)
            if (!float.IsFinite(logit))
                throw new UserException("the logits are not finite: the edited pass overflows float32");
        return Kind switch
        {
            MetricKind.LogitDifference => (double)logits[Answer] - logits[Wrong!.Value],
            MetricKind.LogProbability => logits[Answer] - LogSumExp.Of(logits),
            MetricKind.Divergence => DivergenceFrom(CleanLogits!, logits),
            _ => LogitRank.Of(logits, Answer),
        };
    }

    /// <summary>Writes the gradient of the metric for every logit.</summary>
    /// <param name="logits">[V]: logits of the next token.</param>
    /// <param name="dLogits">[V]: d metric / d logits.</param>
    /// <exception cref="InvalidOperationException">The metric has no gradient.</exception>
    public void Gradient(ReadOnlySpan<float> logits, Span<float> dLogits)
    {
        if (!HasGradient)
            throw new InvalidOperationException("A rank has no gradient.");
        dLogits.Clear();
        if (Kind == MetricKind.LogitDifference)
        {
            dLogits[Answer] += 1;
            dLogits[Wrong!.Value] -= 1;
            return;
        }
        double logSum = LogSumExp.Of(logits);
        if (Kind == MetricKind.LogProbability)
        {
            for (int v = 0; v < logits.Length; v++)
                dLogits[v] = (float)((v == Answer ? 1 : 0) - Math.Exp(logits[v] - logSum));
            return;
        }
        double cleanSum = LogSumExp.Of(CleanLogits!);
        for (int v = 0; v < logits.Length; v++)
            dLogits[v] = (float)(Math.Exp(logits[v] - logSum) - Math.Exp(CleanLogits![v] - cleanSum));
    }

    /// <summary>
    /// The sum of the metric over the rows of a batch, each at its last token, as a loss whose gradient goes
    /// down through the model.
    /// </summary>
    /// <param name="rows">The batch of the pass.</param>
    /// <param name="values">[B]: receives the metric of each row; may be empty.</param>
    public LogitsLoss AtLastTokens(SequenceBatch rows, double[] values)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(values);
        return (logits, dLogits) =>
        {
            float[] row = new float[logits.Columns], gradient = new float[logits.Columns];
            double sum = 0;
            for (int b = 0; b < rows.B; b++)
            {
                int at = b * rows.T + rows.Lengths[b] - 1;
                logits.SliceRows(at, 1).Download(row);
                double value = Value(row);
                Gradient(row, gradient);
                dLogits.SliceRows(at, 1).Upload(gradient);
                if (values.Length > 0)
                    values[b] = value;
                sum += value;
            }
            return sum;
        };
    }

    static double DivergenceFrom(ReadOnlySpan<float> clean, ReadOnlySpan<float> logits)
    {
        double cleanSum = LogSumExp.Of(clean), logSum = LogSumExp.Of(logits), sum = 0;
        for (int v = 0; v < logits.Length; v++)
        {
            double logP = clean[v] - cleanSum;
            sum += Math.Exp(logP) * (logP - (logits[v] - logSum));
        }
        return sum;
    }
}
