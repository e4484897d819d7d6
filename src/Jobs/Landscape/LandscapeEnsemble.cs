using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using HeadTap.Merge;
using HeadTap.Models;

namespace HeadTap.Jobs;

/// <summary>Models whose predictions are combined, beside weights that are.</summary>
/// <param name="Rule">probabilities, logits or vote.</param>
/// <param name="Loss">Mean next-token cross-entropy, nats; NaN of a vote, which has no probabilities.</param>
/// <param name="Accuracy">Share of tokens that were the most probable one, 0 to 1.</param>
/// <param name="TestLoss">Loss on the test texts; null without any.</param>
/// <param name="TestAccuracy">Accuracy on the test texts; null without any.</param>
public sealed record LandscapeEnsemble(string Rule, double Loss, double Accuracy,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestLoss = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? TestAccuracy = null)
{
    internal static LandscapeEnsemble Of(EnsembleRule rule, LandscapeValue value)
        => new(rule.Name(), value.Loss, value.Accuracy, value.TestLoss, value.TestAccuracy);

    /// <summary>Adds a rule to a manifest's options; without one they are as before there were
    /// any.</summary>
    internal static JsonObject AddTo(JsonObject made, EnsembleRule? rule)
    {
        if (rule is { } given)
            made["ensemble"] = given.Name();
        return made;
    }

    /// <summary>Its loss and accuracy, for people.</summary>
    public string Describe() => (double.IsNaN(Loss) ? "" : $"{LandscapeTable.Nats(Loss)} nats, ")
        + $"accuracy {LandscapeTable.Percent(Accuracy)} ({(Rule == EnsembleRule.Vote.Name() ? "a vote has no "
            + "loss" : $"mean of {Rule}")})";
}
