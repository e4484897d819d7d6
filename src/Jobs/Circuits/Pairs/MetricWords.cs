using System.Globalization;
using HeadTap.Circuits;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Metrics that have a gradient, as options name them.</summary>
static class MetricWords
{
    /// <summary>Reads <c>logit-diff:A,B</c> or <c>logprob:A</c>.</summary>
    /// <param name="text">Value of the option.</param>
    /// <param name="field">The option, for messages.</param>
    /// <param name="token">Returns the token of a word that is no number.</param>
    /// <exception cref="UserException">It is another text.</exception>
    internal static AnswerMetric ParseWithTokens(string text, string field, Func<string, int> token)
    {
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = colon < 0 ? text : text[..colon];
        if (name is not ("logit-diff" or "logprob"))
            throw new UserException($"{Field.Of(field)} is {Quoted.Name(text)}; expected logit-diff:A,B or "
                + "logprob:A" + (name == "rank" ? ", because a rank has no gradient" : ""));
        string[] words = colon < 0 ? [] : text[(colon + 1)..].Split(',');
        int expected = name == "logprob" ? 1 : 2;
        if (words.Length != expected || words.Any(string.IsNullOrWhiteSpace))
            throw new UserException($"{Field.Of(field)} is {Quoted.Name(text)}; {name} takes "
                + $"{Counted.Of(expected, "token")}, as in "
                + (expected == 1 ? "logprob:A" : "logit-diff:A,B"));
        int[] ids = [.. words.Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                ? id : token(word))];
        return expected == 1 ? new AnswerMetric(MetricKind.LogProbability, ids[0])
            : new AnswerMetric(MetricKind.LogitDifference, ids[0], ids[1]);
    }

    /// <summary>Reads a metric without its tokens: logit-diff, logprob or kl.</summary>
    /// <exception cref="UserException">It is another word, or has no gradient.</exception>
    internal static MetricKind Parse(string text, string field) => text switch
    {
        "logit-diff" => MetricKind.LogitDifference,
        "logprob" => MetricKind.LogProbability,
        "kl" => MetricKind.Divergence,
        "rank" => throw new UserException($"{Field.Of(field)} is rank, which has no gradient; expected "
            + "logit-diff, logprob or kl"),
        _ => throw new UserException($"{Field.Of(field)} is {Quoted.Name(text)}; expected logit-diff, "
            + "logprob or kl"),
    };

    /// <summary>The word of a kind.</summary>
    internal static string Of(MetricKind kind) => kind switch
    {
        MetricKind.LogitDifference => "logit-diff",
        MetricKind.LogProbability => "logprob",
        MetricKind.Divergence => "kl",
        _ => "rank",
    };

    /// <summary>The metric with its tokens as ids.</summary>
    internal static string Of(AnswerMetric metric) => metric.Kind == MetricKind.LogitDifference
        ? $"logit-diff:{metric.Answer},{metric.Wrong}" : $"{Of(metric.Kind)}:{metric.Answer}";
}
