using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Circuits.Tests;

public sealed class AnswerMetricTests
{
    static readonly float[] s_logits = [0.5f, -1.25f, 2f, 0.75f, 2f];
    static readonly float[] s_clean = [1f, 0.25f, -0.5f, 3f, 0f];

    static AnswerMetric Metric(MetricKind kind) => new(kind, 3, 1) { CleanLogits = s_clean };

    static double[] Softmax(float[] logits)
    {
        double sum = logits.Sum(z => Math.Exp(z));
        return [.. logits.Select(z => Math.Exp(z) / sum)];
    }

    [Test]
    public void Values_are_those_of_the_definitions()
    {
        double[] p = Softmax(s_logits), clean = Softmax(s_clean);
        Assert.That(Metric(MetricKind.LogitDifference).Value(s_logits), Is.EqualTo(2.0));
        Assert.That(Metric(MetricKind.LogProbability).Value(s_logits),
            Is.EqualTo(Math.Log(p[3])).Within(1e-14));
        Assert.That(Metric(MetricKind.Divergence).Value(s_logits),
            Is.EqualTo(clean.Zip(p, (c, q) => c * Math.Log(c / q)).Sum()).Within(1e-14));
        Assert.That(Metric(MetricKind.Divergence).Value(s_clean), Is.EqualTo(0).Within(1e-15));
    }

    [TestCase(2, 1), TestCase(4, 2), TestCase(3, 3), TestCase(0, 4), TestCase(1, 5)]
    public void The_rank_counts_from_one_and_a_tie_goes_to_the_lower_id(int answer, int rank)
        => Assert.That(new AnswerMetric(MetricKind.Rank, answer).Value(s_logits), Is.EqualTo(rank));

    [TestCase(MetricKind.LogitDifference), TestCase(MetricKind.LogProbability),
        TestCase(MetricKind.Divergence)]
    public void The_gradient_is_that_of_central_differences(MetricKind kind)
    {
        AnswerMetric metric = Metric(kind);
        float[] gradient = [9, 9, 9, 9, 9];
        metric.Gradient(s_logits, gradient);
        const float Step = 1f / 64; // exact in float32, so the difference's only error is of third order
        for (int v = 0; v < s_logits.Length; v++)
        {
            float[] up = [.. s_logits], down = [.. s_logits];
            up[v] += Step;
            down[v] -= Step;
            double difference = (metric.Value(up) - metric.Value(down)) / (2 * Step);
            Assert.That(gradient[v], Is.EqualTo(difference).Within(5e-5), $"logit {v}");
        }
    }

    [Test]
    public void A_rank_has_no_gradient()
        => Assert.That(() => Metric(MetricKind.Rank).Gradient(s_logits, new float[5]),
            Throws.InvalidOperationException);

    [Test]
    public void Logits_that_are_not_finite_are_refused()
    {
        foreach (MetricKind kind in Enum.GetValues<MetricKind>())
            Assert.That(() => Metric(kind).Value([0, 1, float.NaN, 2, 3]), Throws.TypeOf<UserException>());
    }

    [TestCase(5, 1, "outside the vocabulary of 5"), TestCase(3, -1, "outside the vocabulary of 5"),
        TestCase(3, null, "needs two tokens"), TestCase(3, 3, "both token 3")]
    public void Tokens_are_checked(int answer, int? wrong, string said)
    {
        var metric = new AnswerMetric(MetricKind.LogitDifference, answer, wrong);
        Assert.That(() => metric.Validate(5), Throws.TypeOf<UserException>().With.Message.Contains(said));
    }

    [Test]
    public void A_batch_is_measured_at_the_last_token_of_each_row()
    {
        using ComputeDevice device = ComputeDevice.OpenHost();
        using var arena = new TensorArena(device, 64, "logits");
        var rows = new SequenceBatch([[1, 2], [3]]);
        Tensor logits = arena.Cut("logits", 4, 5), dLogits = arena.Cut("gradient", 4, 5);
        logits.Upload([.. s_clean, .. s_logits, .. s_clean, .. s_logits]); // the last row is padding
        double[] values = new double[2];
        AnswerMetric metric = Metric(MetricKind.LogitDifference);
        Assert.That(metric.AtLastTokens(rows, values)(logits, dLogits), Is.EqualTo(2.0 + 2.75));
        Assert.That(values, Is.EqualTo((double[])[2.0, 2.75]));
        float[] one = [0, -1, 0, 1, 0], none = new float[5];
        Assert.That(dLogits.ToArray(), Is.EqualTo((float[])[.. none, .. one, .. one, .. none]));
    }
}
