using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Unlearn;

/// <summary>A score for every weight of some parameters; a budget sets the highest to zero.</summary>
/// <param name="scores">Scores by parameter name. Higher scores are removed first, of equal ones the earlier.
/// Infinite or NaN scores are a defect of the method.</param>
/// <param name="together">True if a budget is a share of all parameters together; false if it is a share of
/// each.</param>
public sealed class WeightFinding(
    IReadOnlyList<(string Parameter, float[] Scores)> scores, bool together = false) : Finding
{
    /// <summary>Scores of the elements by parameter name.</summary>
    public IReadOnlyList<(string Parameter, float[] Scores)> Scores => scores;

    /// <inheritdoc/>
    public override void Apply(LanguageModel model, double budget)
    {
        ArgumentNullException.ThrowIfNull(model);
        UnlearningMethod.Budget(budget);
        if (!together)
        {
            foreach ((string parameter, float[] values) in scores)
                Zero(model.Set[parameter], Highest(values, (int)(values.LongLength * budget)), 0);
            return;
        }
        float[] all = [.. scores.SelectMany(s => s.Scores)];
        int[] chosen = [.. Highest(all, (int)(all.LongLength * budget)).Order()];
        int offset = 0, next = 0;
        foreach ((string parameter, float[] values) in scores)
        {
            int end = next;
            while (end < chosen.Length && chosen[end] < offset + values.Length)
                end++;
            Zero(model.Set[parameter], chosen[next..end], offset);
            (offset, next) = (offset + values.Length, end);
        }
    }

    /// <summary>
    /// Returns the indices of the <paramref name="count"/> highest scores; of equal ones the earlier.
    /// </summary>
    internal static int[] Highest(float[] scores, int count)
    {
        if (count == 0)
            return [];
        int[] order = [.. Enumerable.Range(0, scores.Length)];
        Array.Sort(order, (a, b) => scores[b].CompareTo(scores[a]) is var c && c != 0 ? c : a.CompareTo(b));
        return order[..count];
    }

    /// <summary>Sets the elements at the given indices minus <paramref name="offset"/> to zero.</summary>
    internal static void Zero(Tensor weight, int[] at, int offset)
    {
        if (at.Length == 0)
            return;
        float[] values = weight.ToArray();
        foreach (int i in at)
            values[i - offset] = 0;
        weight.Upload(values);
    }
}
