namespace HeadTap.Inject;

/// <summary>Ranks of an entity's tokens; 1 is the largest logit.</summary>
/// <param name="First">Rank of the first token of a space and the entity.</param>
/// <param name="Best">Best rank among all tokens of the entity.</param>
public readonly record struct EntityRank(int First, int Best);

/// <summary>The vector that a layer or head writes for one prompt, read as tokens.</summary>
/// <param name="Norm">Euclidean norm of the vector.</param>
/// <param name="Top">Tokens with the largest logits, largest first.</param>
/// <param name="Bridge">Ranks of the bridge's tokens; null if no bridge was given.</param>
/// <param name="AnswerRank">Rank of the answer's first token; null if no answer was given.</param>
public sealed record Writing(
    double Norm, IReadOnlyList<TokenLogit> Top, EntityRank? Bridge, int? AnswerRank);

/// <summary>
/// Compares what a layer's attention, or one head of it, writes for the single-hop and the multi-hop prompt.
/// </summary>
/// <param name="Layer">Layer, from 0.</param>
/// <param name="Head">Head, from 0; null for the whole attention output.</param>
/// <param name="Explicit">Reading for the single-hop prompt.</param>
/// <param name="Obscure">Reading for the multi-hop prompt.</param>
/// <param name="Cosine">Cosine of the angle between the two vectors; 0 if one of them is zero.</param>
public sealed record PlaceComparison(int Layer, int? Head, Writing Explicit, Writing Obscure, double Cosine)
{
    /// <summary>Number of tokens that are in both lists.</summary>
    public int Shared
        => Explicit.Top.Select(t => t.Token).Intersect(Obscure.Top.Select(t => t.Token)).Count();

    /// <summary>Jaccard index of the two lists: shared tokens divided by all different tokens.</summary>
    public double Jaccard => (double)Shared / (Explicit.Top.Count + Obscure.Top.Count - Shared);

    /// <summary>
    /// Returns the cosine of the angle between two vectors, in float64; 0 if one of them is zero.
    /// </summary>
    public static double CosineOf(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double dot = 0, aa = 0, bb = 0;
        for (int c = 0; c < a.Length; c++)
        {
            dot += (double)a[c] * b[c];
            aa += (double)a[c] * a[c];
            bb += (double)b[c] * b[c];
        }
        return aa == 0 || bb == 0 ? 0 : dot / (Math.Sqrt(aa) * Math.Sqrt(bb));
    }
}
