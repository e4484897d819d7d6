using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Circuits;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>The metric whose gradient was written.</summary>
/// <param name="Of">What was differentiated, tokens as ids: "logit-diff:5,7".</param>
/// <param name="Value">Mean of the metric over the prompts, each at its last token, nats.</param>
/// <param name="Values">The metric of each prompt.</param>
/// <param name="Out">File of the gradients.</param>
public sealed record GradOfResult(string Of, double Value, IReadOnlyList<double> Values, string Out)
{
    /// <summary>Token id before each prompt; null for none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public int? Bos { get; init; }
}

public static partial class GradJob
{
    /// <summary>
    /// Runs the job for a metric: writes the gradient of its mean over the prompts, each at its last token.
    /// </summary>
    /// <exception cref="UserException">As <see cref="Run"/>, or the metric is none with a
    /// gradient.</exception>
    /// <exception cref="OperationCanceledException">The job was cancelled.</exception>
    public static GradOfResult OfMetric(GradOptions options, JobContext context)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(context);
        string of = options.Of ?? throw new ArgumentException("The options name no metric.");
        GradCall call = Read(options, context);
        AnswerMetric metric = MetricWords.ParseWithTokens(of, nameof(options.Of), word =>
            ContrastRequest.SingleToken(
                ModelText.Open(call.Prompt.Folder, call.Prompt.Config, new TextRules(), null),
                word, Field.Of(nameof(options.Of))));
        metric.Validate(call.Prompt.Config.VocabSize);
        SequenceBatch rows = call.Prompt.Rows;
        return Differentiate(call, context, (session, gradients) =>
        {
            double[] values = new double[rows.B];
            LogitsLoss sum = metric.AtLastTokens(rows, values);
            double mean = session.ForwardBackward(rows, (logits, dLogits) =>
            {
                double all = sum(logits, dLogits);
                session.Model.Ops.Scale(dLogits, 1f / rows.B);
                return all / rows.B;
            }, gradients);
            return new GradOfResult(MetricWords.Of(metric), mean, values, call.Out) { Bos = call.Prompt.Bos };
        }, found => ($"{found.Of} is {found.Value}", new JsonObject
        {
            ["of"] = found.Of, ["value"] = found.Value,
        }));
    }
}
