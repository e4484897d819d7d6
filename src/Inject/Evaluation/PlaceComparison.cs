namespace HeadTap.Inject;

/// <summary>Ranks of an entity's tokens; 1 is the top of the vocabulary.</summary>
/// <param name="First">Of the first token of a space and the entity.</param>
/// <param name="Best">The best of all its tokens.</param>
public readonly record struct EntityRank(int First, int Best);

/// <summary>What one place writes for one prompt, read as tokens.</summary>
/// <param name="Norm">Euclidean.</param>
/// <param name="Top">Its first tokens.</param>
/// <param name="Bridge">Where the bridge's tokens stand; null where no bridge was named.</param>
/// <param name="AnswerRank">Where the answer's first token stands; null where no answer was named.</param>
public sealed record Writing(
    double Norm, IReadOnlyList<TokenLogit> Top, EntityRank? Bridge, int? AnswerRank);

/// <summary>A layer's attention, or one head of it, beside itself: single-hop prompt and multi-hop.</summary>
/// <param name="Layer">From 0.</param>
/// <param name="Head">From 0; null for the whole attention output.</param>
/// <param name="Explicit">For the single-hop prompt.</param>
/// <param name="Obscure">For the multi-hop prompt.</param>
/// <param name="Cosine">Of the angle between the two vectors; 0 where one is zero.</param>
public sealed record PlaceComparison(int Layer, int? Head, Writing Explicit, Writing Obscure, double Cosine)
{
    /// <summary>Tokens that both lists have.</summary>
    public int Shared
        => Explicit.Top.Select(t => t.Token).Intersect(Obscure.Top.Select(t => t.Token)).Count();

    /// <summary>Shared tokens among those that either list has.</summary>
    public double Jaccard => (double)Shared / (Explicit.Top.Count + Obscure.Top.Count - Shared);

    /// <summary>The cosine of the angle between two vectors, in float64; 0 where one is zero.</summary>
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
