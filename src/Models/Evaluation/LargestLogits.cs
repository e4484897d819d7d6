namespace HeadTap.Models;

/// <summary>The largest of a row of logits, on the host.</summary>
public static class LargestLogits
{
    /// <summary>Returns the largest logits, descending; ties go to the lower id.</summary>
    /// <param name="logits">[V], finite.</param>
    /// <param name="count">How many, 0 to V.</param>
    public static IReadOnlyList<(int Token, float Logit)> Of(ReadOnlySpan<float> logits, int count)
    {
        // Insertion instead of a sort: sorting 50,257 logits for ten tokens took most of a sweep's time.
        var largest = new List<(int Token, float Logit)>(count + 1);
        for (int v = 0; v < logits.Length; v++)
        {
            if (largest.Count == count && (count == 0 || logits[v] <= largest[^1].Logit))
                continue;
            int at = largest.Count; // after equal logits, so the lower id comes first
            while (at > 0 && largest[at - 1].Logit < logits[v])
                at--;
            largest.Insert(at, (v, logits[v]));
            if (largest.Count > count)
                largest.RemoveAt(count);
        }
        return largest;
    }
}
